// Package nearest finds the names a user may have meant by one that does not exist.
package nearest

import (
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// Names returns at most n of have that resemble want, the most alike first. Letter case does not
// count; a name that begins or ends with what was typed (or that what was typed begins or ends
// with) counts as alike however long it is.
func Names(want string, have []string, n int) []string {
	type match struct {
		name  string
		score float64
	}
	lower := strings.ToLower(want)
	var found []match
	for _, name := range have {
		if s := score(lower, strings.ToLower(name)); s >= 0.5 {
			found = append(found, match{name, s})
		}
	}
	slices.SortStableFunc(found, func(a, b match) int {
		switch {
		case a.score > b.score:
			return -1
		case a.score < b.score:
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
	found = slices.CompactFunc(found, func(a, b match) bool { return a.name == b.name })
	names := make([]string, 0, min(n, len(found)))
	for _, m := range found[:min(n, len(found))] {
		names = append(names, m.name)
	}
	return names
}

// longest is the length beyond which names are compared by their ends alone: the distance takes
// time with the product of the lengths, and a request decides one of them.
const longest = 200

// score is 1 for equal names and falls to 0 for names with nothing in common.
func score(want, name string) float64 {
	if want == "" || name == "" {
		return 0
	}
	alike := 0.0
	if len(want) <= longest && len(name) <= longest {
		alike = levenshtein.Similarity(want, name, nil)
	}
	short, long := want, name
	if len(short) > len(long) {
		short, long = long, short
	}
	if len(short) >= 3 && (strings.HasPrefix(long, short) || strings.HasSuffix(long, short)) {
		alike = max(alike, 0.5+0.4*float64(len(short))/float64(len(long)))
	}
	return alike
}

// Phrase returns the sentence part "; did you mean a, b or c?" of an error for want, or, where
// nothing resembles it, "; there are a, b, c …" with the first few names of have.
func Phrase(want string, have []string) string {
	if names := Names(want, have, 3); len(names) > 0 {
		last := len(names) - 1
		if last == 0 {
			return "; did you mean " + names[0] + "?"
		}
		return "; did you mean " + strings.Join(names[:last], ", ") + " or " + names[last] + "?"
	}
	const few = 12
	switch {
	case len(have) == 0:
		return ""
	case len(have) > few:
		return "; there are " + strings.Join(have[:few], ", ") + " …"
	}
	return "; there are " + strings.Join(have, ", ")
}
