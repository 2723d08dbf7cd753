package validation

import "bytes"

// blockSize is how much text is taken at a time. A payload that is larger makes the block as large as itself.
const blockSize = 256 << 10

// bigBlock is from what size on a block is waited for before more is read, so that a row of large payloads does not
// fill the memory.
const bigBlock = 4 * blockSize

// block is a piece of a file on its way from the feed to a checker and to the run, which gives it back to the feed. One
// of them owns it at a time.
type block struct {
	source   *source
	text     []byte // from where the block before it ended
	lines    bool   // each line of the text is a payload
	payloads []span // in the text, when they are not lines
	single   bool   // the file has this payload and no other
	fault    *fault // the last thing in the text that is to be told
	passed   position
	end      bool  // the file ends here
	err      error // why the file ends here, when it should not

	// What the checker makes of it. Lines, columns and payload numbers of the findings count from the beginning of the
	// block.
	count      int
	challenges int
	findings   []Finding
	omitted    int
	moved      position // from the beginning of the text to the end of what was passed over behind it

	checked  chan struct{}
	consumed chan struct{} // made for big blocks only
}

type span struct{ begin, end int }

// fault is what is wrong with a file outside of its payloads, or with a payload that is not looked at.
type fault struct {
	at      int // in the text
	rule    string
	message string
	payload bool // it is about one more payload of the block
}

func tooLarge(at int) *fault {
	return &fault{at: at, rule: rulePayloadSize.ID, message: "the payload has more than 16 MiB, and is not looked at",
		payload: true}
}

// eachPayload visits the payloads of the block, each with where it begins in the text. A line with nothing but white
// space is no payload. A payload that was spread over several lines is one, all the same.
func (b *block) eachPayload(visit func(begin int, text []byte)) {
	for _, p := range b.payloads {
		visit(p.begin, b.text[p.begin:p.end])
	}
	if !b.lines {
		return
	}
	for from := 0; from < len(b.text); {
		line, next := b.text[from:], len(b.text)
		if at := bytes.IndexByte(line, '\n'); at >= 0 {
			line, next = line[:at], from+at+1
		}
		if len(line) > 0 && (line[len(line)-1] <= ' ' || line[0] <= ' ') {
			line = bytes.TrimRight(line, space)
			trimmed := bytes.TrimLeft(line, space)
			from += len(line) - len(trimmed)
			line = trimmed
		}
		if len(line) > 0 && line[len(line)-1] != '}' {
			if end, is := spread(b.text, from, next); is {
				line, next = b.text[from:end], end
				if at := bytes.IndexByte(b.text[end:], '\n'); at >= 0 {
					next += at + 1
				} else {
					next = len(b.text)
				}
			}
		}
		if len(line) > 0 {
			visit(from, line)
		}
		from = next
	}
}

// reset makes the block as good as new. Memory of an exceptionally large one is let go.
func (b *block) reset() {
	text := b.text
	if cap(text) < blockSize || cap(text) > 2*blockSize {
		text = make([]byte, 0, blockSize)
	}
	*b = block{text: text[:0], payloads: b.payloads[:0], findings: b.findings[:0], checked: b.checked}
	if cap(b.findings) > 4096 {
		b.findings = nil
	}
}
