package main

import (
	"strings"
	"testing"

	"sluicebox/plugin/plugintest"
)

func TestEveryFieldComesBackAsText(t *testing.T) {
	exercise := plugintest.Start(t, "null", "default", "audit")
	milliseconds := int64(5)
	verdict := exercise.Run(plugintest.Message{
		Key: []byte("k"), Value: []byte("echo"), Headers: []plugintest.Header{{Name: "a", Value: []byte("b")}, {Name: "c"}},
		Timestamp: &milliseconds, Topic: "input", Partition: 2, Offset: 7,
	})
	want := "key=k;headers=a:b,c:null;timestamp=5;topic=input;partition=2;offset=7"
	if got := verdict.Emitted[0].Value.Text; got != want {
		t.Errorf("%s, not %s", got, want)
	}
}

func TestAPanicRejectsItsRecordWithItsPlace(t *testing.T) {
	exercise := plugintest.Start(t, "null", "default")
	verdicts, err := exercise.RunBatch(plugintest.Text("a"), plugintest.Text("throw out of cheese"), plugintest.Text("b"))
	if err != nil || verdicts[0].Is != "keep" || verdicts[1].Is != "reject" || verdicts[2].Is != "keep" {
		t.Fatal(verdicts, err)
	}
	lines := strings.Split(verdicts[1].Reason, "\n")
	if lines[0] != "panic: out of cheese" || !strings.Contains(lines[1], "throwDeeper (plugin.go:") || len(lines) != 4 {
		t.Error(lines)
	}
}
