// Package plugin is what Sluicebox plugins in Go are written with: a function that starts, and one from a record
// to a verdict.
package plugin

// About is what a plugin says of itself.
type About struct {
	// Name and Version are for people.
	Name, Version string
	// Needs is what Process reads of a record: [Key], [Value], ... joined by |. What is not asked for arrives as
	// null or none, and costs nothing.
	Needs Fields
}

// Process judges one record. An error rejects the record with the error's text, except for those of [RetryBatch]
// and [Fatal]. A panic rejects it too, with the place it came from.
//
// The record and what is read from it are to be used in the call alone: their memory is the next batch's.
type Process func(record Record) (Verdict, error)

// Export makes a plugin of a start function; call it in an init function of package main, which needs an empty
// main function too.
//
// start gets the stage's configuration as a value of the plugin's own type, decoded as by encoding/json but
// strictly: unknown keys are errors, and so are missing ones, but for pointers and fields with omitempty or
// omitzero. Its error is shown to the author of the pipeline file: name the key that is wrong, and what would be
// right.
func Export[Config any](about About, start func(config Config, stage *Stage) (Process, error)) {
	exported.about = about
	exported.start = func(json string, stage *Stage) (Process, error) {
		var config Config
		if err := decode(json, &config); err != nil {
			return nil, err
		}
		return start(config, stage)
	}
	started()
}

// exported is the plugin of this program.
var exported struct {
	about About
	start func(json string, stage *Stage) (Process, error)
}
