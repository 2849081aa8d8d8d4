package admission

// Queues is how many principals the line remembers, of whom a request waits or who keep their turn.
func (g *Gate) Queues() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.line.queues)
}
