package plugin

import "encoding/binary"

// Emitted is a record that a plugin emits: what it sets, and what it inherits from the record that came in. It is
// made by [Emit] and its methods, and is a [Verdict].
type Emitted struct {
	output      string
	hasOutput   bool
	key, value  change
	headers     []byte // as they lie in a batch
	headerCount uint32 // inherited where none is set
	timestamp   int64  // noTimestamp where inherited
}

// change is what becomes of a key or value: its bytes, where length is no mark.
type change struct {
	bytes []byte
	mark  uint32
}

// set is the mark of a change that sets bytes; any number that is none of the two marks.
const set = 0

// Emit starts a record to emit, which inherits everything that is not set. One made by Process is used up by being
// returned; one made at the start may be returned again and again.
//
// The bytes it is given are read when Process has returned.
func Emit() *Emitted {
	emitted := pool.next()
	headers := emitted.headers[:0]
	*emitted = Emitted{
		key:         change{mark: inherited},
		value:       change{mark: inherited},
		headers:     headers,
		headerCount: inherited,
		timestamp:   noTimestamp,
	}
	return emitted
}

// To sends it to the named output, at once, past the rest of the chain. A name that the pipeline does not have makes
// a dead letter of the record: ask [Stage.CheckOutput] at the start.
func (emitted *Emitted) To(output string) *Emitted {
	emitted.output, emitted.hasOutput = output, true
	return emitted
}

// Key sets the key; nil is empty, and [Emitted.NullKey] sets null.
func (emitted *Emitted) Key(key []byte) *Emitted {
	emitted.key = change{key, set}
	return emitted
}

// NullKey sets the key to null.
func (emitted *Emitted) NullKey() *Emitted {
	emitted.key = change{nil, null}
	return emitted
}

// Value sets the value; nil is empty, and [Emitted.NullValue] sets null.
func (emitted *Emitted) Value(value []byte) *Emitted {
	emitted.value = change{value, set}
	return emitted
}

// NullValue sets the value to null: a tombstone.
func (emitted *Emitted) NullValue() *Emitted {
	emitted.value = change{nil, null}
	return emitted
}

// Header adds a header to those set so far; nil is an empty value. The first one set starts a new list: to keep what
// came in, say Headers(record) first.
func (emitted *Emitted) Header(name string, value []byte) *Emitted {
	emitted.startHeader(name, uint32(len(value)))
	emitted.headers = append(emitted.headers, value...)
	return emitted
}

// NullHeader adds a header whose value is null, see [Emitted.Header].
func (emitted *Emitted) NullHeader(name string) *Emitted {
	emitted.startHeader(name, null)
	return emitted
}

// Headers adds the headers of a record to those set so far, see [Emitted.Header]. Needs [Headers].
func (emitted *Emitted) Headers(record Record) *Emitted {
	emitted.listHeaders()
	at, count := record.headers()
	end := at
	for range count {
		_, _, end = record.headerAt(end)
	}
	emitted.headers = append(emitted.headers, record.data[at:end]...)
	emitted.headerCount += count
	return emitted
}

// NoHeaders starts an empty list of headers.
func (emitted *Emitted) NoHeaders() *Emitted {
	emitted.headers, emitted.headerCount = emitted.headers[:0], 0
	return emitted
}

// Timestamp sets the timestamp, in milliseconds since the epoch.
func (emitted *Emitted) Timestamp(milliseconds int64) *Emitted {
	emitted.timestamp = milliseconds
	return emitted
}

func (emitted *Emitted) listHeaders() {
	if emitted.headerCount == inherited {
		emitted.headerCount = 0
	}
}

func (emitted *Emitted) startHeader(name string, length uint32) {
	emitted.listHeaders()
	emitted.headers = binary.LittleEndian.AppendUint32(emitted.headers, uint32(len(name)))
	emitted.headers = binary.LittleEndian.AppendUint32(emitted.headers, length)
	emitted.headers = append(emitted.headers, name...)
	emitted.headerCount++
}

// pool has the records that Process emits, so that none is allocated for each call.
var pool emittedPool

type emittedPool struct {
	records []*Emitted
	used    int
	// open while Process runs: what is made at another time belongs to the caller.
	open bool
}

func (pool *emittedPool) next() *Emitted {
	if !pool.open {
		return new(Emitted)
	}
	if pool.used == len(pool.records) {
		pool.records = append(pool.records, new(Emitted))
	}
	pool.used++
	return pool.records[pool.used-1]
}
