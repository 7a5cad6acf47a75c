package plugin

// Fields is a set of the fields of a record.
type Fields uint8

// The fields, to be joined by |.
const (
	Key Fields = 1 << iota
	Value
	Headers
	Timestamp
	// Source is where the record came from.
	Source
)
