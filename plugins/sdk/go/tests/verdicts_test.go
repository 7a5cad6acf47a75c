// Package tests runs the SDK natively, as plugins' own tests do.
package tests

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"sluicebox/plugin"
	"sluicebox/plugin/plugintest"
)

// export makes a plugin of a function; it needs every field.
func export(process plugin.Process) {
	needs := plugin.Key | plugin.Value | plugin.Headers | plugin.Timestamp | plugin.Source
	plugin.Export(plugin.About{Needs: needs}, func(struct{}, *plugin.Stage) (plugin.Process, error) { return process, nil })
}

// answer is what comes of a record with a key, a value and two headers where a plugin says this of it.
func answer(t *testing.T, process plugin.Process) plugintest.Verdict {
	t.Helper()
	export(process)
	return plugintest.Start(t, "null", "default").Run(message())
}

func message() plugintest.Message {
	milliseconds := int64(-5)
	return plugintest.Message{
		Key: []byte("k"), Value: []byte{}, Timestamp: &milliseconds, Topic: "in", Partition: 3, Offset: 1 << 40,
		Headers: []plugintest.Header{{Name: "a", Value: []byte("1")}, {Name: "a"}, {Name: "b", Value: []byte{}}},
	}
}

func says(verdict plugin.Verdict) plugin.Process {
	return func(plugin.Record) (plugin.Verdict, error) { return verdict, nil }
}

func emits(make func(record plugin.Record) *plugin.Emitted) plugin.Process {
	return func(record plugin.Record) (plugin.Verdict, error) { return make(record), nil }
}

func TestVerdictsArriveAsTheyWereMeant(t *testing.T) {
	for want, verdict := range map[string]plugin.Verdict{
		"{keep  []}":           plugin.Keep,
		"{drop  []}":           plugin.Drop,
		"{emit  []}":           plugin.EmitAll(),
		"{reject not good []}": plugin.Reject("not good"),
		"{retry later []}":     plugin.Retry("later"),
		"{reject the plugin returned no verdict []}": nil,
	} {
		if got := fmt.Sprint(answer(t, says(verdict))); got != want {
			t.Errorf("%s, not %s", got, want)
		}
	}
}

func TestWhatAnEmitDoesNotSetIsInherited(t *testing.T) {
	inherit := plugintest.Change{Is: "inherit"}
	want := plugintest.Emitted{Key: inherit, Value: inherit}
	verdict := answer(t, emits(func(plugin.Record) *plugin.Emitted { return plugin.Emit() }))
	if !reflect.DeepEqual(verdict.Emitted, []plugintest.Emitted{want}) {
		t.Errorf("%+v", verdict)
	}
}

func TestAnEmitSetsEveryField(t *testing.T) {
	milliseconds := int64(7)
	want := plugintest.Emitted{
		Output: "audit", Key: plugintest.Change{Is: "null"}, Value: plugintest.Change{Is: "set"}, Timestamp: &milliseconds,
		Headers: append(message().Headers, plugintest.Header{Name: "c", Value: []byte{}}, plugintest.Header{Name: "d"}),
	}
	verdict := answer(t, emits(func(record plugin.Record) *plugin.Emitted {
		return plugin.Emit().To("audit").NullKey().Value(nil).Headers(record).Header("c", nil).NullHeader("d").Timestamp(7)
	}))
	if !reflect.DeepEqual(verdict.Emitted, []plugintest.Emitted{want}) {
		t.Errorf("%+v", verdict)
	}
}

func TestNoHeadersIsNotInherited(t *testing.T) {
	verdict := answer(t, emits(func(plugin.Record) *plugin.Emitted { return plugin.Emit().NoHeaders() }))
	if headers := verdict.Emitted[0].Headers; headers == nil || len(headers) != 0 {
		t.Errorf("%+v", headers)
	}
}

func TestWhatIsMadeAtTheStartMayBeEmittedAgain(t *testing.T) {
	audit := plugin.Emit().To("audit").Header("made", []byte("once"))
	export(emits(func(plugin.Record) *plugin.Emitted { plugin.Emit().To("other"); return audit }))
	started := plugintest.Start(t, "null", "default")
	for range 3 {
		if emitted := started.Run(message()).Emitted[0]; emitted.Output != "audit" || len(emitted.Headers) != 1 {
			t.Errorf("%+v", emitted)
		}
	}
}

func TestEveryFieldIsRead(t *testing.T) {
	verdict := answer(t, func(record plugin.Record) (plugin.Verdict, error) {
		text := fmt.Sprintf("%q %v", record.Key(), record.Value() != nil)
		for name, value := range record.Headers() {
			text += fmt.Sprintf(" %s:%q,%v", name, value, value != nil)
		}
		milliseconds, ok := record.Timestamp()
		source, has := record.Source()
		return plugin.Reject(fmt.Sprint(text, milliseconds, ok, source, has, record.Header("a") == nil)), nil
	})
	if want := `"k" true a:"1",true a:"",false b:"",true-5 true {in 3 1099511627776} true true`; verdict.Reason != want {
		t.Errorf("%s, not %s", verdict.Reason, want)
	}
}

func TestWhatIsNotAskedForIsNull(t *testing.T) {
	plugin.Export(plugin.About{}, func(struct{}, *plugin.Stage) (plugin.Process, error) {
		return func(record plugin.Record) (plugin.Verdict, error) {
			_, timed := record.Timestamp()
			_, from := record.Source()
			for range record.Headers() {
				timed = true
			}
			if record.Key() != nil || record.Value() != nil || timed || from {
				return plugin.Drop, nil
			}
			return plugin.Keep, nil
		}, nil
	})
	if verdict := plugintest.Start(t, "null").Run(message()); verdict.Is != "keep" {
		t.Errorf("%+v", verdict)
	}
}

func TestAnErrorRejectsItsRecordAlone(t *testing.T) {
	export(func(record plugin.Record) (plugin.Verdict, error) {
		if record.Value() == nil {
			return plugin.Keep, nil
		}
		return nil, errors.New(string(record.Value()))
	})
	verdicts, err := plugintest.Start(t, "null").RunBatch(plugintest.Text("bad"), plugintest.Tombstone())
	if err != nil || verdicts[0].Reason != "bad" || verdicts[1].Is != "keep" {
		t.Error(verdicts, err)
	}
}

func TestAFailureFailsTheBatch(t *testing.T) {
	export(func(record plugin.Record) (plugin.Verdict, error) {
		return nil, fmt.Errorf("no luck: %w", plugin.Fatal("the licence has run out"))
	})
	if _, err := plugintest.Start(t, "null").RunBatch(message()); err == nil || err.Error() != "the licence has run out" {
		t.Error(err)
	}
}

func TestAPanicRejectsItsRecordAlone(t *testing.T) {
	export(func(record plugin.Record) (plugin.Verdict, error) {
		switch string(record.Value()) {
		case "nil":
			var nothing *plugintest.Message
			return plugin.Reject(nothing.Topic), nil
		case "half":
			return plugin.EmitAll(plugin.Emit(), nil), nil
		}
		return plugin.Emit().Value([]byte("fine")), nil
	})
	verdicts, err := plugintest.Start(t, "null").RunBatch(
		message(), plugintest.Text("nil"), plugintest.Text("half"), plugintest.Text("half"), message())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"emit", "reject", "reject", "reject", "emit"} {
		if verdicts[i].Is != want {
			t.Errorf("%d: %+v", i, verdicts[i])
		}
	}
	if reason := verdicts[1].Reason; !strings.HasPrefix(reason, "panic: runtime error: ") || !strings.Contains(reason, "verdicts_test.go:") {
		t.Error(reason)
	}
}

func TestAReasonIsCutBetweenCharacters(t *testing.T) {
	verdict := answer(t, says(plugin.Reject("a"+strings.Repeat("é", 600)+"\xff")))
	if len(verdict.Reason) != 999 || !utf8.ValidString(verdict.Reason) {
		t.Error(len(verdict.Reason))
	}
}

func TestKeepingAllocatesNothing(t *testing.T) {
	export(func(record plugin.Record) (plugin.Verdict, error) {
		if record.Header("a") != nil || len(record.Value()) > 5 {
			return plugin.Drop, nil
		}
		return plugin.Keep, nil
	})
	started := plugintest.Start(t, "null")
	messages := make([]plugintest.Message, 1000)
	if allocations := testing.AllocsPerRun(10, func() { started.Run(message()) }); allocations > 60 {
		t.Errorf("one: %v", allocations)
	}
	one := testing.AllocsPerRun(10, func() { started.RunBatch(messages[:500]...) })
	two := testing.AllocsPerRun(10, func() { started.RunBatch(messages...) })
	if two-one > 20 { // the test's own buffers grow now and then
		t.Errorf("%v for 500 records, %v for 1,000", one, two)
	}
}

func TestCountersAddUp(t *testing.T) {
	export(func(plugin.Record) (plugin.Verdict, error) { plugin.Count("apples", 2); return plugin.Drop, nil })
	started := plugintest.Start(t, "null")
	started.RunBatch(message(), message())
	if plugintest.Counted("apples") != 4 {
		t.Error(plugintest.Counted("apples"))
	}
}
