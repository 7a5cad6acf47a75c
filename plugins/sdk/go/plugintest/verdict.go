package plugintest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

// Verdict is what a plugin said of a record.
type Verdict struct {
	// Is says which one it is: keep, drop, emit, reject or retry.
	Is string
	// Reason is that of a reject or retry.
	Reason string
	// Emitted are the records of an emit.
	Emitted []Emitted
}

// Emitted is a record that a plugin emitted.
type Emitted struct {
	// Output is "" on to the next stage.
	Output     string
	Key, Value Change
	// Headers are nil where they are inherited.
	Headers []Header
	// Timestamp is nil where it is inherited.
	Timestamp *int64
}

// Change is what becomes of a key or value.
type Change struct {
	// Is says which one it is: inherit, null or set.
	Is string
	// Text is what is set.
	Text string
}

// The packed form, see wit/sluicebox.wit.
const (
	null        = 0xffffffff
	inherited   = 0xfffffffe
	noTimestamp = -1 << 63
	entrySize   = 48
)

var names = [...]string{"keep", "drop", "emit", "reject", "retry"}

// batch is a batch in packed form, as the host makes it.
type batch struct{ index, data []byte }

func (batch *batch) add(message Message, needs uint8) {
	asked := func(flag uint8) bool { return needs&(1<<flag) != 0 }
	entry := [14]uint32{1: null, 3: null, 7: 1 << 31, 8: null, 9: null, 10: null, 12: null}
	if asked(0) {
		entry[0], entry[1] = batch.put(message.Key)
	}
	if asked(1) {
		entry[2], entry[3] = batch.put(message.Value)
	}
	if asked(2) {
		entry[4], entry[5] = uint32(len(batch.data)), uint32(len(message.Headers))
		for _, header := range message.Headers {
			batch.putHeader(header)
		}
	}
	if asked(3) && message.Timestamp != nil {
		entry[6], entry[7] = uint32(*message.Timestamp), uint32(*message.Timestamp>>32)
	}
	if asked(4) {
		entry[8], entry[9] = uint32(message.Offset), uint32(message.Offset>>32)
		entry[10] = uint32(message.Partition)
		entry[11], entry[12] = batch.put([]byte(message.Topic))
	}
	for _, word := range entry {
		batch.index = binary.LittleEndian.AppendUint32(batch.index, word)
	}
}

func (batch *batch) put(bytes []byte) (at, length uint32) {
	if bytes == nil {
		return 0, null
	}
	at = uint32(len(batch.data))
	batch.data = append(batch.data, bytes...)
	return at, uint32(len(bytes))
}

func (batch *batch) putHeader(header Header) {
	length := uint32(null)
	if header.Value != nil {
		length = uint32(len(header.Value))
	}
	batch.data = binary.LittleEndian.AppendUint32(batch.data, uint32(len(header.Name)))
	batch.data = binary.LittleEndian.AppendUint32(batch.data, length)
	batch.data = append(append(batch.data, header.Name...), header.Value...)
}

// errBounds is what the host calls the class answer.
var errBounds = errors.New("a field reaches past the end of data, or a text is not UTF-8")

// readResult reads the verdicts on a batch of records, checking what the interface promises.
func readResult(records int, codes, index, data []byte) (read []Verdict, err error) {
	if len(codes) != records || len(index)%entrySize != 0 {
		return nil, errors.New("there is not one verdict for each record, or half an entry")
	}
	defer func() {
		if recover() != nil {
			err = errBounds
		}
	}()
	for record, code := range codes {
		verdict := Verdict{Is: names[code]}
		entries := 0
		for ; len(index) > 0 && word(index, 0) == uint32(record); index = index[entrySize:] {
			entries++
			if code == 2 {
				verdict.Emitted = append(verdict.Emitted, readEmitted(index[:entrySize], data))
			} else {
				verdict.Reason = text(index, 20, data)
			}
		}
		if code < 2 && entries > 0 || code > 2 && entries != 1 {
			return nil, errors.New("a verdict has the wrong number of entries")
		}
		read = append(read, verdict)
	}
	if len(index) > 0 {
		return nil, errors.New("an entry is out of order")
	}
	return read, nil
}

func readEmitted(entry, data []byte) Emitted {
	emitted := Emitted{Key: readChange(entry, 12, data), Value: readChange(entry, 20, data)}
	if word(entry, 8) != null {
		emitted.Output = text(entry, 4, data)
	}
	if count := word(entry, 32); count != inherited {
		emitted.Headers = []Header{}
		rest := data[word(entry, 28):]
		for range count {
			name, value := word(rest, 0), word(rest, 4)
			header := Header{Name: string(rest[8 : 8+name])}
			rest = rest[8+name:]
			if value != null {
				header.Value = bytes.Clone(rest[:value])
				rest = rest[value:]
			}
			emitted.Headers = append(emitted.Headers, header)
		}
	}
	if timestamp := int64(binary.LittleEndian.Uint64(entry[40:])); timestamp != noTimestamp {
		emitted.Timestamp = &timestamp
	}
	return emitted
}

func readChange(entry []byte, at int, data []byte) Change {
	switch length := word(entry, at+4); length {
	case null:
		return Change{Is: "null"}
	case inherited:
		return Change{Is: "inherit"}
	default:
		from := word(entry, at)
		return Change{"set", string(data[from : from+length])}
	}
}

func text(entry []byte, at int, data []byte) string {
	from := word(entry, at)
	text := string(data[from : from+word(entry, at+4)])
	if !utf8.ValidString(text) {
		panic(errBounds)
	}
	return text
}

func word(bytes []byte, at int) uint32 { return binary.LittleEndian.Uint32(bytes[at:]) }
