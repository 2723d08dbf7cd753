// Package filelog hands changes on by appending them to a file, one line of JSON each. It guarantees that a change is
// confirmed only after its line, its line end and the file's name were made durable (fsync of the file and of its
// folder), that lines are whole, and that no old file is ever overwritten.
//
// # For whoever reads the file
//
//   - A line ends with a line feed. What stands after the last one is still being written.
//   - A change may be there twice, with the same identity: an attempt whose end was unclear is made again.
//   - A line that is not JSON was torn by a crash or a power cut. It was never confirmed, and is there again, whole,
//     further on: skip it.
//   - When writing fails (the disk is full, say), what had been written of the lines that could not be confirmed is cut
//     off again.
//   - A file that has reached its size is renamed to PATH.<UTC time>-<n>, such as changes.ndjson.20260131T150405Z-1,
//     and a new one is begun.
//   - A file may be moved away (logrotate, with create or nocreate) at any time: it is noticed before the next line. Do
//     not let anybody truncate it (copytruncate): what is written between the copy and the cut would be lost. Compress
//     what was moved away later, not at once.
//   - There is one writer: on Unix the file is locked (flock), and a second process is told so and tries again.
//
// # Who else may have a hand in it
//
// The file must be a regular one with one name, of numhook's user or root's: a symbolic link is not followed, and a
// hard link not written to, since whoever made it would choose what is written to. From others than the owner the right
// to write is taken when it is opened (the file's own mode is 0600). Attempts wait until that is mended.
//
// Attempts that wait for the disk share one write and one fsync.
package filelog
