package kms

import (
	"context"
	"crypto/sha256"
	"sync"
)

// provenLimit is how many grants are remembered as authentic, in each of two halves: some 10 MB at most.
const provenLimit = 1 << 16

// proven remembers rows that the token found authentic, by a digest of their octets and their code. What it found once it
// would find again, so that a key with thousands of grants does not cost the token thousands of calls after each change.
// The zero value remembers nothing yet; it is safe for concurrent use.
type proven struct {
	mu            sync.Mutex
	recent, older map[[sha256.Size]byte]struct{} // what is asked for in time moves to the recent half
}

func proofOf(r authenticRow) [sha256.Size]byte {
	return sha256.Sum256(append(digest(r), *r.mac()...)) // the digest has one length
}

func (p *proven) has(proof [sha256.Size]byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.recent[proof]; ok {
		return true
	}
	_, ok := p.older[proof]
	if ok {
		p.addLocked(proof)
	}
	return ok
}

func (p *proven) add(proof [sha256.Size]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.addLocked(proof)
}

func (p *proven) addLocked(proof [sha256.Size]byte) {
	if p.recent == nil || len(p.recent) >= provenLimit {
		p.recent, p.older = map[[sha256.Size]byte]struct{}{}, p.recent
	}
	p.recent[proof] = struct{}{}
}

// provenGrant is authenticGrant for grants of which there may be thousands.
func (s *Service) provenGrant(ctx context.Context, row GrantRow) (GrantShape, error) {
	proof := proofOf(&row)
	if s.proven.has(proof) {
		return row.Shape()
	}
	shape, err := s.authenticGrant(ctx, row)
	if err == nil {
		s.proven.add(proof)
	}
	return shape, err
}
