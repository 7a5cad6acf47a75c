// Keeps the orders that have one of some statuses, hides the customer's e-mail, adds total_cents and removes
// internal_note. All other fields keep their values, digit by digit.
package main

import (
	"errors"
	"slices"

	"sluicebox/plugin"
)

// Config is the stage's `config:`.
type Config struct {
	// Statuses are those of the orders that go on; any other is dropped.
	Statuses []string `json:"statuses"`
}

func start(config Config, stage *plugin.Stage) (plugin.Process, error) {
	if len(config.Statuses) == 0 {
		return nil, errors.New("config.statuses: must name at least one status")
	}
	var value []byte // its memory stays for the next record
	return func(record plugin.Record) (plugin.Verdict, error) {
		if record.Value() == nil {
			return plugin.Keep, nil
		}
		order, err := readOrder(record.Value(), value)
		if err != nil {
			return nil, err
		}
		status, ok := asString(order.status)
		if !ok {
			return plugin.Reject("status is not a string"), nil
		}
		if !slices.Contains(config.Statuses, status) {
			return plugin.Drop, nil
		}
		if value, err = order.enriched(); err != nil {
			return nil, err
		}
		return plugin.Emit().Value(value), nil
	}, nil
}

func init() {
	plugin.Export(plugin.About{Name: "order-enrich-go", Version: "0.1.0", Needs: plugin.Value}, start)
}

func main() {}
