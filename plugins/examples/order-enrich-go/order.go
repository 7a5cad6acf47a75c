package main

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
)

// order is what the plugin looks at of an order: fields as they are written, none where they are missing.
type order struct {
	status, quantity, priceCents, customer []byte
	// rest is the new value as far as it is known: all other fields, but for those that are to go.
	rest []byte
}

// readOrder reads an order; out is memory for its rest.
func readOrder(value, out []byte) (order, error) {
	if !isObject(value) {
		return order{}, errors.New("the value is not a JSON object")
	}
	read := order{rest: append(out[:0], '{')}
	eachField(value, func(key, value []byte) {
		name, _ := asString(key)
		switch name {
		case "status":
			read.status = value
		case "quantity":
			read.quantity = value
		case "price_cents":
			read.priceCents = value
		case "customer":
			read.customer = value
		case "total_cents", "internal_note":
		default:
			read.rest = appendField(read.rest, key, value)
		}
	})
	return read, nil
}

// enriched is the new value.
func (order *order) enriched() ([]byte, error) {
	quantity, ok := asWhole(order.quantity)
	if !ok {
		return nil, errors.New("quantity is not a whole number")
	}
	price, ok := asWhole(order.priceCents)
	if !ok {
		return nil, errors.New("price_cents is not a whole number")
	}
	total := quantity * price
	if math.Abs(total) > maxWhole {
		return nil, errors.New("total_cents is too large")
	}
	out := appendField(order.rest, []byte(`"status"`), order.status)
	out = appendField(out, []byte(`"quantity"`), order.quantity)
	out = appendField(out, []byte(`"price_cents"`), order.priceCents)
	if order.customer != nil {
		out = appendField(out, []byte(`"customer"`), nil)
		out = appendCustomer(out, order.customer)
	}
	out = appendField(out, []byte(`"total_cents"`), nil)
	return append(strconv.AppendInt(out, int64(total), 10), '}'), nil
}

// appendCustomer appends a customer, whose e-mail is masked where there is one.
func appendCustomer(out, customer []byte) []byte {
	if customer[0] != '{' {
		return append(out, customer...)
	}
	out = append(out, '{')
	eachField(customer, func(key, value []byte) {
		if name, _ := asString(key); name == "email" {
			if email, ok := asString(value); ok {
				value, _ = json.Marshal(mask(email)) // a string can always be written
			}
		}
		out = appendField(out, key, value)
	})
	return append(out, '}')
}
