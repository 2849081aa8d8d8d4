package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/keyhold/keyhold/kms"
)

const metaColumns = "directory, account, region, token, row_key, ready, dev, created_at, mac"

// Meta reads the directory's own row.
func (s *Store) Meta(ctx context.Context) (kms.MetaRow, error) {
	return one(ctx, s, "read meta", scanMeta, "SELECT "+metaColumns+" FROM meta")
}

// PutMeta writes the directory's own row over what was there.
func (s *Store) PutMeta(ctx context.Context, m kms.MetaRow) error {
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := exec(ctx, tx,
			"INSERT OR REPLACE INTO meta (only_row, "+metaColumns+") VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			m.Directory, m.Account, m.Region, m.Token, m.RowKey[:], m.Ready, m.Dev, m.CreatedAt, octets(m.MAC))
		return err
	})
	if err != nil {
		return fmt.Errorf("write meta: %w", err)
	}
	return nil
}

func scanMeta(row scanner) (kms.MetaRow, error) {
	var m kms.MetaRow
	err := row.Scan(&m.Directory, &m.Account, &m.Region, &m.Token, objectID{&m.RowKey}, &m.Ready, &m.Dev, &m.CreatedAt,
		blob{&m.MAC})
	return m, err
}
