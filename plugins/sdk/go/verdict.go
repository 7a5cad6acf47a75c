package plugin

// Verdict is what a plugin says of a record: [Keep], [Drop], an [Emitted] of [Emit], [EmitAll], [Reject] or [Retry].
type Verdict interface{ verdict() }

type plain uint8

const (
	// Keep: it goes on as it came.
	Keep = plain(codeKeep)
	// Drop: it ends here; nothing is written.
	Drop = plain(codeDrop)
)

// EmitAll says that these go on in the record's place, each its own way. None at all is Drop.
func EmitAll(records ...*Emitted) Verdict { return several(records) }

type several []*Emitted

// Reject refuses the record, with a reason for people: a dead letter, unless the stage's on_error says otherwise.
func Reject(reason string) Verdict { return &refusal{codeReject, reason} }

// Retry asks for another call with this record after a backoff, with a bound; the verdicts on the others of its
// batch stand.
func Retry(reason string) Verdict { return &refusal{codeRetry, reason} }

type refusal struct {
	code   uint8
	reason string
}

func (plain) verdict()    {}
func (several) verdict()  {}
func (*refusal) verdict() {}
func (*Emitted) verdict() {}

// RetryBatch is an error that fails the whole batch, whatever was said of the records before, for something that may
// pass: the host calls again after a backoff, with a bound. State that the batch has changed in the plugin stays
// changed.
func RetryBatch(reason string) error { return &failure{0, reason} }

// Fatal is an error that fails the whole batch for something that neither a retry nor a dead letter fixes: the
// pipeline stops and commits nothing of the batch.
func Fatal(reason string) error { return &failure{1, reason} }

type failure struct {
	// code is the case's number in the interface.
	code   uint8
	reason string
}

func (failure *failure) Error() string { return failure.reason }
