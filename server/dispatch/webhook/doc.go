// Package webhook hands changes on with an HTTP POST, signed after the Standard Webhooks specification. It guarantees
// that an attempt is confirmed by nothing but a 2xx status, that the body is not written to a connection once the
// attempt's time is over, that the same change carries the same webhook-id whenever and by whomever it is sent, and
// that no connection is made to this machine, to the link or to a metadata service unless the downstream is configured
// for that.
//
// # What an answer means
//
//	2xx                      confirmed; the status counts, whatever becomes of the body
//	408, 425, 429, 5xx       to be retried, after Retry-After where that is given
//	410                      to be retried, and the downstream is paused until somebody resumes it
//	other 4xx                refused
//	3xx                      to be retried: redirects are not followed, the url is to be mended, and until then
//	                         nothing is lost; no sign of life
//	anything else            to be retried
//	no answer                to be retried, whether or not the body was taken
//
// What got no answer, or one that a gateway gives for a system that it no longer hears (502, 503, 504, 520 and above),
// may still take effect: it is underway. Any other answer is taken for the end of it.
//
// A connection that had been kept open may be gone by the time it is used again. When one fails before a byte of the
// answer came, the same body is sent once more on another, within the same attempt and its time. So a downstream may
// get it twice, under one webhook-id, as after every attempt that went unanswered; and the first of the two may take
// effect after the second was confirmed.
//
// # A proxy
//
// With one, of the configuration or of the environment, it is the proxy that is connected to, wherever it is, and the
// proxy decides where to go from there: the guard against this machine and metadata services then looks at the url as
// written, and not at what its name resolves to. A downstream of https is reached through a tunnel, and the proxy sees
// nothing of the change; of one of plain http it sees all, and what it answers itself counts as the downstream's, but
// for 407.
//
// # The deadline
//
// The time of an attempt is the connection's, too: every write looks at the clock first, so that a process which was
// stopped and goes on later sends nothing. A connection that is given up without an answer is reset, so that the kernel
// does not deliver later what is still in its buffer; on Linux the kernel gives up by itself what nobody acknowledges
// within that time, even while the process is stopped. What remains is a stop between that look at the clock and the
// write right after it: a downstream that must rule it out compares event_ts.
package webhook
