package main

import (
	"strings"
	"unicode/utf8"
)

// mask is an address with its first character and its domain alone, and nothing of what is no address.
func mask(email string) string {
	at := strings.LastIndexByte(email, '@')
	if at <= 0 || email[0] == '@' {
		return "***"
	}
	_, first := utf8.DecodeRuneInString(email)
	return email[:first] + "***@" + email[at+1:]
}
