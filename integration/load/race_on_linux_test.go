//go:build race

package load

// raced tells that server and clients carry the race detector, which takes several times the work and the memory.
const raced = true
