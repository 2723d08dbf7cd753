package operator

import "regexp"

// e164 is a number of which enough stays hidden when its beginning and its end are shown.
var e164 = regexp.MustCompile(`^\+?[0-9]{11,15}$`)

// hidden stands for what is not shown: always the same, so that it does not tell how much that is.
const hidden = "•••"

// Mask is a number as a viewer sees it: +1202•••0143. What is no long number is not shown at all.
func Mask(number string) string {
	const head, tail, fewest = 5, 4, 3 // of fewest digits at least nothing is shown
	switch {
	case number == "":
		return ""
	case !e164.MatchString(number):
		return hidden
	case len(number) < head+fewest+tail:
		return hidden + number[len(number)-tail:]
	}
	return number[:head] + hidden + number[len(number)-tail:]
}

func maskAll(numbers []string) []string {
	shown := make([]string, len(numbers))
	for i, number := range numbers {
		shown[i] = Mask(number)
	}
	return shown
}
