package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"numhook/server/event"
)

// commonStart is what the names of the sender's events begin with, all of them: a list leaves it out.
const commonStart = "number_management.peering_number_"

// shortName is the name of an event as a list shows it.
func shortName(name string) string {
	if short := strings.TrimPrefix(name, commonStart); short != "" {
		return short
	}
	return name
}

// shortAttribute is the name of an attribute as a list shows it.
func shortAttribute(a event.Attribute) string {
	if a == event.EmergencyAddress {
		return "address"
	}
	return string(a)
}

// someNumbers is the first of them, and how many there are beside it.
func someNumbers(numbers []string) string {
	switch len(numbers) {
	case 0:
		return "-"
	case 1:
		return numbers[0]
	}
	return numbers[0] + " +" + strconv.Itoa(len(numbers)-1)
}

// addressOrder is the order in which people write an address.
var addressOrder = []string{"address_line1", "address_line2", "city", "state_code", "zip", "country"}

// plainValue is a value as one line for people: a name as it is, and an address with its parts in the usual order.
func plainValue(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil && len(value) > 0 && value[0] == '"' {
		return text
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(value, &members) != nil {
		return string(value)
	}
	place := func(name string) int {
		if i := slices.Index(addressOrder, name); i >= 0 {
			return i
		}
		return len(addressOrder)
	}
	names := slices.SortedFunc(maps.Keys(members), func(a, b string) int {
		if place(a) != place(b) {
			return place(a) - place(b)
		}
		return strings.Compare(a, b)
	})
	var parts []string
	for _, name := range names {
		part := string(members[name])
		if json.Unmarshal(members[name], &text) == nil && part[0] == '"' {
			part = text
		}
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ", ")
}
