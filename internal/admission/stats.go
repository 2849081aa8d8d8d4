package admission

import "time"

// Stats is what there is to know of a Gate at one moment. Counts begin with the Gate.
type Stats struct {
	Inside     int               // requests let in that have not left; those that are exempt are not counted
	Waiting    int               // requests in the queue, at most Config.Queue
	Principals int               // principals of whom a request waits
	OldestWait time.Duration     // how long the first of those that wait has waited; 0 when nobody does
	Buckets    int               // token buckets remembered, at most Config.Remember for each rate
	Entered    uint64            // requests let in, also the exempt
	Refused    map[Reason]uint64 // requests not let in; every Reason is there
}

// Stats looks at the Gate. It takes time in proportion to the number of principals of whom a request waits.
func (g *Gate) Stats() Stats {
	now := g.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	s := Stats{Inside: g.inside, Waiting: g.line.waiting, Principals: len(g.line.lengths), Entered: g.entered,
		Buckets: g.limits.buckets(), Refused: make(map[Reason]uint64, reasons-1)}
	for _, q := range g.line.lengths {
		s.OldestWait = max(s.OldestWait, now.Sub(q.oldest().since))
	}
	for why := Reason(1); why < reasons; why++ {
		s.Refused[why] = g.refused[why]
	}
	return s
}
