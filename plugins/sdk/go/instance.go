package plugin

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"unicode/utf8"

	"sluicebox/plugin/internal/hook"
)

// instance is the started plugin of this program: in a component there is one, tests start one after the other.
type instance struct {
	process Process
	result  result
}

// start makes the exported plugin ready for a stage. A panic is an error that has its place; an error the plugin
// meant is handed on as it is.
func start(json string, stage *Stage) (started *instance, err error) {
	if exported.start == nil {
		return nil, errors.New("the plugin does not call plugin.Export in an init function")
	}
	defer func() {
		if value := recover(); value != nil {
			err = errors.New(describe(value))
		}
	}()
	process, err := exported.start(json, stage)
	if err == nil && process == nil {
		err = errors.New("the plugin's start function returned nothing to process records with")
	}
	return &instance{process: process}, err
}

// run judges a batch. Where it answers no failure, the verdicts are in result.
func (instance *instance) run(index, data []byte) *failure {
	instance.result.start()
	if data == nil {
		data = []byte{} // an empty slice of nil is nil, and nil is null
	}
	for at := 0; at < len(index); {
		var failed *failure
		if at, failed = instance.from(at, index, data); failed != nil {
			return failed
		}
	}
	return nil
}

// from judges the records from a place of the index to its end, or to one that panics, and says where to go on. One
// deferred function serves all of them: setting it up costs more than a record that is kept.
func (instance *instance) from(at int, index, data []byte) (next int, failed *failure) {
	next = at
	pool.open = true
	defer func() {
		pool.open = false
		if value := recover(); value != nil {
			instance.result.undo()
			instance.result.refuse(codeReject, describe(value))
			next += inputEntry
		}
	}()
	for ; next < len(index); next += inputEntry {
		pool.used = 0
		verdict, err := instance.process(Record{(*[inputEntry]byte)(index[next:]), data})
		if err != nil {
			if errors.As(err, &failed) {
				return next, failed
			}
			verdict = Reject(err.Error())
		}
		instance.result.push(verdict)
	}
	return next, nil
}

// describe says what a panic was about and where it came from: the functions of the plugin, the innermost first. It
// is called by the deferred function, above what panicked.
func describe(value any) string {
	var text strings.Builder
	fmt.Fprintf(&text, "panic: %v", value)
	places := make([]uintptr, 64)
	frames := runtime.CallersFrames(places[:runtime.Callers(0, places)])
	panicked := false
	for {
		frame, more := frames.Next()
		switch {
		case frame.Function == "runtime.gopanic":
			panicked = true
		case !panicked || strings.HasPrefix(frame.Function, "runtime."):
		case strings.HasPrefix(frame.Function, "sluicebox/plugin.") && !strings.HasSuffix(frame.File, "_test.go"):
			return text.String()
		default:
			fmt.Fprintf(&text, "\n  at %s (%s:%d)", frame.Function, filepath.Base(frame.File), frame.Line)
		}
		if !more {
			return text.String()
		}
	}
}

// maxReason is as much of a reason as the host keeps.
const maxReason = 1000

// cut makes a reason fit for the host: UTF-8, and no longer than it keeps.
func cut(reason string) string {
	reason = strings.ToValidUTF8(reason, "\uFFFD")
	if len(reason) <= maxReason {
		return reason
	}
	end := maxReason
	for !utf8.RuneStart(reason[end]) {
		end--
	}
	return reason[:end]
}

func init() {
	hook.Start = func(json, stage string, outputs []string) (hook.Instance, error) {
		started, err := start(json, &Stage{stage, outputs})
		return tested{started}, err
	}
}

// tested is an instance as plugintest sees it.
type tested struct{ instance *instance }

func (tested tested) Needs() uint8 { return uint8(exported.about.Needs) }

func (tested tested) Run(index, data []byte) (verdicts, resultIndex, resultData []byte, err error) {
	if failed := tested.instance.run(index, data); failed != nil {
		return nil, nil, nil, failed
	}
	result := &tested.instance.result
	return result.verdicts, result.index, result.data, nil
}
