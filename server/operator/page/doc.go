// Package page is the operators' page: what the API answers, for people, in a browser.
//
// It guarantees that
//
//  1. it shows and does nothing but what the API answers to the holder of the session: roles, masks and the accesses
//     that are written down first are those of the API, because every screen is made of its calls;
//  2. a session begins with a token, is kept in memory under a digest, and ends with a logout, with its time, and with
//     the token's line in the file;
//  3. nothing is changed by a request that another site made;
//  4. what strangers wrote is shown as text: templates escape it, and a character that would turn or hide what stands
//     beside it is shown as an escape;
//  5. it works without a script, and asks no other host for anything.
package page
