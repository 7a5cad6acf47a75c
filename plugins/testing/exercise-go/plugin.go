// Does what a record's value tells it to: for the tests that every language's SDK has to pass.
//
// The value is `COMMAND[ ARGUMENT]`, where the argument is all behind the first space. A null value and any other
// command: keep.
package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sluicebox/plugin"
)

// Config is the stage's `config:`.
type Config struct {
	// Greeting is what `greet` says; hello where there is none.
	Greeting *string `json:"greeting"`
	// Keep keeps every record, whatever it says.
	Keep bool `json:"keep,omitempty"`
}

type exercise struct {
	greeting string
	keep     bool
	stage    *plugin.Stage
}

func start(config Config, stage *plugin.Stage) (plugin.Process, error) {
	exercise := &exercise{"hello", config.Keep, stage}
	if config.Greeting != nil {
		exercise.greeting = *config.Greeting
	}
	return exercise.process, nil
}

func (exercise *exercise) process(record plugin.Record) (plugin.Verdict, error) {
	if exercise.keep || record.Value() == nil {
		return plugin.Keep, nil
	}
	command, argument, _ := strings.Cut(string(record.Value()), " ")
	switch command {
	case "drop":
		return plugin.Drop, nil
	case "nothing":
		return plugin.EmitAll(), nil
	case "two":
		one := plugin.Emit().Value([]byte("one"))
		two := plugin.Emit().Value([]byte("two")).To("audit")
		return plugin.EmitAll(one, two), nil
	case "reject":
		return plugin.Reject(argument), nil
	case "retry":
		return plugin.Retry(argument), nil
	case "fail-retry":
		return nil, plugin.RetryBatch(argument)
	case "fail-fatal":
		return nil, plugin.Fatal(argument)
	case "timestamp":
		milliseconds, err := strconv.ParseInt(argument, 10, 64)
		return plugin.Emit().Timestamp(milliseconds), err
	case "throw":
		throw(argument)
	case "log":
		return plugin.Keep, log(argument)
	case "count":
		return plugin.Keep, count(argument)
	}
	if emitted := exercise.emit(command, argument, record); emitted != nil {
		return emitted, nil
	}
	return plugin.Keep, nil
}

// emit is for the commands that emit one record; nil for any other.
func (exercise *exercise) emit(command, argument string, record plugin.Record) *plugin.Emitted {
	switch command {
	case "set":
		return plugin.Emit().Value([]byte(argument))
	case "null":
		return plugin.Emit().NullValue()
	case "empty":
		return plugin.Emit().Value(nil)
	case "key":
		return plugin.Emit().Key([]byte(argument))
	case "null-key":
		return plugin.Emit().NullKey()
	case "headers":
		return plugin.Emit().Headers(record).Header("added", []byte("1")).NullHeader("none")
	case "no-headers":
		return plugin.Emit().NoHeaders()
	case "to":
		return plugin.Emit().To(argument)
	case "greet":
		return plugin.Emit().Value([]byte(exercise.greeting))
	case "stage":
		return plugin.Emit().Value([]byte(exercise.stage.Name()))
	case "outputs":
		return plugin.Emit().Value([]byte(strings.Join(exercise.stage.Outputs(), ",")))
	case "echo":
		return plugin.Emit().Value([]byte(echo(record)))
	}
	return nil
}

//go:noinline
func throw(text string) { throwDeeper(text) }

//go:noinline
func throwDeeper(text string) { panic(text) }

func log(argument string) error {
	level, text, _ := strings.Cut(argument, " ")
	switch level {
	case "error":
		plugin.LogError("%s", text)
	case "warn":
		plugin.LogWarn("%s", text)
	case "info":
		plugin.LogInfo("%s", text)
	case "debug":
		plugin.LogDebug("%s", text)
	default:
		return fmt.Errorf("log: there is no level %s", level)
	}
	return nil
}

func count(argument string) error {
	name, number, ok := strings.Cut(argument, " ")
	if !ok {
		return errors.New("count: no number")
	}
	delta, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return err
	}
	plugin.Count(name, delta)
	return nil
}

func init() {
	plugin.Export(plugin.About{
		Name:    "exercise-go",
		Version: "0.1.0",
		Needs:   plugin.Key | plugin.Value | plugin.Headers | plugin.Timestamp | plugin.Source,
	}, start)
}

func main() {}
