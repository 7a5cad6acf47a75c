package main

import (
	"fmt"
	"strings"

	"sluicebox/plugin"
)

// echo is all fields of a record as text, `null` for what is null or absent.
func echo(record plugin.Record) string {
	var headers []string
	for name, value := range record.Headers() {
		headers = append(headers, name+":"+text(value))
	}
	timestamp := "null"
	if milliseconds, ok := record.Timestamp(); ok {
		timestamp = fmt.Sprint(milliseconds)
	}
	from := "topic=null;partition=null;offset=null"
	if source, ok := record.Source(); ok {
		from = fmt.Sprintf("topic=%s;partition=%d;offset=%d", source.Topic, source.Partition, source.Offset)
	}
	return fmt.Sprintf("key=%s;headers=%s;timestamp=%s;%s",
		text(record.Key()), strings.Join(headers, ","), timestamp, from)
}

func text(bytes []byte) string {
	if bytes == nil {
		return "null"
	}
	return string(bytes)
}
