package plugin

import "encoding/binary"

// The packed form, see wit/sluicebox.wit: sizes of an entry that comes in and one that goes out, and marks in it.
const (
	inputEntry  = 56
	resultEntry = 48

	null        = 0xffffffff
	inherited   = 0xfffffffe
	noTimestamp = -1 << 63
)

const (
	codeKeep = iota
	codeDrop
	codeEmit
	codeReject
	codeRetry
)

// result is the verdicts on a batch as they are written. Its memory stays for the next batch.
type result struct {
	verdicts, index, data []byte
}

// start forgets the last batch.
func (result *result) start() {
	result.verdicts, result.index, result.data = result.verdicts[:0], result.index[:0], result.data[:0]
}

// push appends the verdict on the next record.
func (result *result) push(verdict Verdict) {
	switch verdict := verdict.(type) {
	case plain:
		result.verdicts = append(result.verdicts, uint8(verdict))
	case *Emitted:
		result.emit(verdict)
		result.verdicts = append(result.verdicts, codeEmit)
	case several:
		for _, emitted := range verdict {
			result.emit(emitted)
		}
		result.verdicts = append(result.verdicts, codeEmit)
	case *refusal:
		result.refuse(verdict.code, verdict.reason)
	default:
		result.refuse(codeReject, "the plugin returned no verdict")
	}
}

// undo takes back the entries of the record whose verdict comes next: those of an emit that panicked half-way.
func (result *result) undo() {
	for end := len(result.index) - resultEntry; end >= 0; end -= resultEntry {
		if binary.LittleEndian.Uint32(result.index[end:]) != uint32(len(result.verdicts)) {
			return
		}
		result.index = result.index[:end]
	}
}

func (result *result) refuse(code uint8, reason string) {
	at := uint32(len(result.data))
	reason = cut(reason)
	result.data = append(result.data, reason...)
	result.entry([10]uint32{2: null, 4: inherited, 5: at, 6: uint32(len(reason)), 8: inherited}, noTimestamp)
	result.verdicts = append(result.verdicts, code)
}

func (result *result) emit(emitted *Emitted) {
	words := [10]uint32{2: null, 7: 0, 8: emitted.headerCount}
	if emitted.hasOutput {
		words[1], words[2] = uint32(len(result.data)), uint32(len(emitted.output))
		result.data = append(result.data, emitted.output...)
	}
	words[3], words[4] = result.change(&emitted.key)
	words[5], words[6] = result.change(&emitted.value)
	if emitted.headerCount != inherited {
		words[7] = uint32(len(result.data))
		result.data = append(result.data, emitted.headers...)
	}
	result.entry(words, emitted.timestamp)
}

func (result *result) change(change *change) (at, length uint32) {
	if change.mark != set {
		return 0, change.mark
	}
	at = uint32(len(result.data))
	result.data = append(result.data, change.bytes...)
	return at, uint32(len(change.bytes))
}

// entry appends an entry for the record whose verdict comes next, its first word aside.
func (result *result) entry(words [10]uint32, timestamp int64) {
	words[0] = uint32(len(result.verdicts))
	for _, word := range words {
		result.index = binary.LittleEndian.AppendUint32(result.index, word)
	}
	result.index = binary.LittleEndian.AppendUint64(result.index, uint64(timestamp))
}
