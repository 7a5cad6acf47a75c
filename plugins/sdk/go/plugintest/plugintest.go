// Package plugintest runs a plugin natively, with `go test`: through the same packed form as in the daemon.
package plugintest

import (
	"errors"
	"testing"

	"sluicebox/plugin/internal/hook"
)

// Message is a record as a test makes it.
type Message struct {
	// Key and Value are null where nil, which is not the same as empty.
	Key, Value []byte
	Headers    []Header
	// Timestamp is in milliseconds since the epoch; nil is none.
	Timestamp *int64
	Topic     string
	Partition int32
	Offset    int64
}

// Header is a header; a value of nil is null.
type Header struct {
	Name  string
	Value []byte
}

// Text is a message with this value.
func Text(value string) Message { return Message{Value: []byte(value), Topic: "test"} }

// Tombstone is a message whose value is null.
func Tombstone() Message { return Message{Topic: "test"} }

// Started is a started plugin.
type Started struct {
	t        testing.TB
	instance hook.Instance
}

// Start starts the exported plugin as the host does, with the JSON text of a configuration (null for none) and the
// names of the pipeline's outputs.
func Start(t testing.TB, config string, outputs ...string) *Started {
	t.Helper()
	instance, err := start(config, outputs)
	if err != nil {
		t.Fatalf("the plugin does not start: %v", err)
	}
	return &Started{t, instance}
}

// StartError is what the user sees where the plugin refuses to start.
func StartError(t testing.TB, config string, outputs ...string) string {
	t.Helper()
	_, err := start(config, outputs)
	if err == nil {
		t.Fatal("the plugin starts")
	}
	return err.Error()
}

func start(config string, outputs []string) (hook.Instance, error) {
	if hook.Start == nil {
		return nil, errors.New("the program has no plugin")
	}
	clear(hook.Counters)
	return hook.Start(config, "test", outputs)
}

// Run is the verdict on one record. The plugin sees no more of it than it asks for with its Needs.
func (started *Started) Run(message Message) Verdict {
	started.t.Helper()
	verdicts, err := started.RunBatch(message)
	if err != nil {
		started.t.Fatalf("the plugin fails the batch: %v", err)
	}
	return verdicts[0]
}

// RunBatch is the verdicts on a batch, in order, or why the plugin fails it.
func (started *Started) RunBatch(messages ...Message) ([]Verdict, error) {
	started.t.Helper()
	var batch batch
	for _, message := range messages {
		batch.add(message, started.instance.Needs())
	}
	verdicts, index, data, err := started.instance.Run(batch.index, batch.data)
	if err != nil {
		return nil, err
	}
	read, err := readResult(len(messages), verdicts, index, data)
	if err != nil {
		started.t.Fatalf("the answer breaks the interface: %v", err)
	}
	return read, nil
}

// Counted is what the plugin has counted under a name since it was started.
func Counted(name string) uint64 { return hook.Counters[name] }
