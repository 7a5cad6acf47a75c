//go:build wasip1

package plugin

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// The component's imports and exports: the canonical ABI by hand. What the host passes lies in buffers that are kept,
// and what it is answered stays until the next call; there is no post-return function, so it reads both in place.

//go:wasmimport sluicebox:plugin/log@0.1.0 write
func importLog(level uint32, message unsafe.Pointer, length uint32)

//go:wasmimport sluicebox:plugin/metrics@0.1.0 count
func importCount(name unsafe.Pointer, length uint32, delta uint64)

// Whether the host may be asked for the time: Go's scheduler reads the clock before and after each export, and in
// realloc, where a component may call nothing, that would trap. Between 0 and 1 the component's own module answers
// instead. Where the clock is that module's alone, it moves on at 1: Go's collector measures its share of the time
// by it, and stops collecting where no time seems to pass but its own.
//
//go:wasmimport wasi_snapshot_preview1 sluicebox_may_leave
func mayLeave(yes uint32)

// started is called last of all before the host's first call.
func started() { mayLeave(0) }

func hostLog(level uint32, message string) {
	importLog(level, unsafe.Pointer(unsafe.StringData(message)), uint32(len(message)))
}

func hostCount(name string, delta uint64) {
	importCount(unsafe.Pointer(unsafe.StringData(name)), uint32(len(name)), delta)
}

// What the exports keep from call to call.
var (
	running   *instance
	arguments buffers
	// The text of the last error, until the next call.
	errorText []byte
	// The largest result: a discriminant, then three lists.
	answer [7]uint32
)

//go:wasmexport cabi_export_realloc
func exportRealloc(old, oldSize, _, size uint32) unsafe.Pointer {
	buffer := arguments.next(int(size))
	if oldSize > 0 {
		copy(buffer, arguments.passed(old, min(oldSize, size)))
	}
	return unsafe.Pointer(unsafe.SliceData(buffer))
}

//go:wasmexport sluicebox:plugin/lifecycle@0.1.0#init
func exportInit(stage, stageLength, json, jsonLength, outputs, outputsLength uint32) unsafe.Pointer {
	mayLeave(1)
	defer mayLeave(0)
	list := arguments.passed(outputs, 8*outputsLength)
	names := make([]string, outputsLength)
	for i := range names {
		at, length := binary.LittleEndian.Uint32(list[8*i:]), binary.LittleEndian.Uint32(list[8*i+4:])
		names[i] = string(arguments.passed(at, length))
	}
	text := string(arguments.passed(json, jsonLength))
	started, err := start(text, &Stage{string(arguments.passed(stage, stageLength)), names})
	arguments = buffers{}
	if err != nil {
		at, length := keepError(err)
		return say(1, at, length)
	}
	running = started
	about := &exported.about
	name, nameLength := place([]byte(about.Name))
	version, versionLength := place([]byte(about.Version))
	return say(0, name, nameLength, version, versionLength, uint32(about.Needs))
}

//go:wasmexport sluicebox:plugin/packed@0.1.0#process
func exportProcess(index, indexLength, data, dataLength uint32) unsafe.Pointer {
	mayLeave(1)
	defer mayLeave(0)
	failed := running.run(arguments.passed(index, indexLength), arguments.passed(data, dataLength))
	arguments.used = 0
	if failed != nil {
		at, length := keepError(failed)
		return say(1, uint32(failed.code), at, length)
	}
	result := &running.result
	verdicts, verdictsLength := place(result.verdicts)
	entries, entriesLength := place(result.index)
	bytes, bytesLength := place(result.data)
	return say(0, verdicts, verdictsLength, entries, entriesLength, bytes, bytesLength)
}

// say puts an answer where the host reads it.
func say(words ...uint32) unsafe.Pointer {
	copy(answer[:], words)
	return unsafe.Pointer(&answer)
}

func keepError(err error) (at, length uint32) {
	errorText = []byte(cut(err.Error()))
	return place(errorText)
}

// place is a slice as the host sees it; somebody has to keep it alive.
func place(bytes []byte) (at, length uint32) {
	return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(bytes)))), uint32(len(bytes))
}

// buffers is the memory for the arguments of one call, used again by the next. Go's collector moves nothing, and
// frees nothing that is in here.
type buffers struct {
	all  [][]byte
	used int
}

// next is a buffer of a size, aligned to at least 8 (Go aligns what is 16 bytes and more).
func (buffers *buffers) next(size int) []byte {
	if buffers.used == len(buffers.all) {
		buffers.all = append(buffers.all, nil)
	}
	buffer := &buffers.all[buffers.used]
	buffers.used++
	if cap(*buffer) < max(size, 1) {
		*buffer = make([]byte, max(64, 1<<bits.Len(uint(size))))
	}
	return (*buffer)[:cap(*buffer)]
}

// passed is an argument: the start of one of the buffers that were handed out for this call.
func (buffers *buffers) passed(at, length uint32) []byte {
	if length == 0 {
		return []byte{}
	}
	for _, buffer := range buffers.all[:buffers.used] {
		if start, _ := place(buffer); start == at {
			return buffer[:length:length]
		}
	}
	panic("the host passed memory that it did not ask for")
}
