package sqlite

import "fmt"

// LimitPages makes the database full when it has this many pages.
func (s *Store) LimitPages(n int) error {
	_, err := s.writer.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", n))
	return err
}
