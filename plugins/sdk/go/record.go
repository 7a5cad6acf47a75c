package plugin

import (
	"encoding/binary"
	"iter"
)

// Record is one record as it comes in: a view into the batch, which reads a field when it is asked for it. The
// slices it hands out are part of the batch: copy what has to outlive the call, and write to none of them.
type Record struct {
	entry *[inputEntry]byte
	data  []byte
}

// Key is the record's key; nil is null, which is not the same as empty. Needs [Key].
func (record Record) Key() []byte { return record.bytes(0) }

// Value is the record's value; nil is null (a tombstone), which is not the same as empty. Needs [Value].
func (record Record) Value() []byte { return record.bytes(8) }

// Headers are the headers in their order: name and value. Names may repeat, a value may be null (nil). Needs [Headers].
func (record Record) Headers() iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		at, count := record.headers()
		for ; count > 0; count-- {
			var name, value []byte
			name, value, at = record.headerAt(at)
			if !yield(string(name), value) {
				return
			}
		}
	}
}

// Header is the value of the last header with this name, as Kafka's own clients look it up; nil where there is no
// such header, or its value is null. [Record.Headers] tells the two apart.
func (record Record) Header(name string) []byte {
	var found []byte
	at, count := record.headers()
	for ; count > 0; count-- {
		var other, value []byte
		other, value, at = record.headerAt(at)
		if string(other) == name {
			found = value
		}
	}
	return found
}

// Timestamp is in milliseconds since the epoch; false where the record has none. Needs [Timestamp].
func (record Record) Timestamp() (milliseconds int64, ok bool) {
	milliseconds = int64(binary.LittleEndian.Uint64(record.entry[24:]))
	return milliseconds, milliseconds != noTimestamp
}

// Origin is where a record came from, in the pipeline's input.
type Origin struct {
	Topic     string
	Partition int32
	Offset    int64
}

// Source is where the record came from; false where the plugin does not need [Source].
func (record Record) Source() (source Origin, ok bool) {
	topic := record.bytes(44)
	if topic == nil {
		return Origin{}, false
	}
	return Origin{
		Topic:     topicName(topic),
		Partition: int32(record.word(40)),
		Offset:    int64(binary.LittleEndian.Uint64(record.entry[32:])),
	}, true
}

// lastTopic saves a string for each record: most come from one topic.
var lastTopic string

func topicName(topic []byte) string {
	if string(topic) != lastTopic {
		lastTopic = string(topic)
	}
	return lastTopic
}

func (record Record) word(at int) uint32 { return binary.LittleEndian.Uint32(record.entry[at:]) }

// bytes is the field whose offset and length are at a place of the entry; its capacity is its length, so that an
// append does not write over the next field.
func (record Record) bytes(at int) []byte {
	length := record.word(at + 4)
	if length == null {
		return nil
	}
	from := record.word(at)
	return record.data[from : from+length : from+length]
}

// headers is the place of the first header, and how many there are.
func (record Record) headers() (at, count uint32) { return record.word(16), record.word(20) }

// headerAt reads the header at a place, and says where the next one is.
func (record Record) headerAt(at uint32) (name, value []byte, next uint32) {
	length := binary.LittleEndian.Uint32(record.data[at:])
	valueLength := binary.LittleEndian.Uint32(record.data[at+4:])
	at += 8
	name, at = record.data[at:at+length], at+length
	if valueLength == null {
		return name, nil, at
	}
	return name, record.data[at : at+valueLength : at+valueLength], at + valueLength
}
