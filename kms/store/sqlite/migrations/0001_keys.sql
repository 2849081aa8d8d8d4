-- Each row that carries authority or custody ends with its authentication code, which the core makes and checks.
-- Instants are integer microseconds since 1970, UTC; 0 is unset. Counters of 64 bits are stored in two's complement.
-- What values a state or a name may have is the core's knowledge and not repeated here; the checks are of form only.

CREATE TABLE meta (
	only_row   INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
	directory  TEXT    NOT NULL,
	account    TEXT    NOT NULL,
	region     TEXT    NOT NULL,
	token      TEXT    NOT NULL,
	row_key    BLOB    NOT NULL CHECK (length(row_key) = 16),
	ready      INTEGER NOT NULL CHECK (ready IN (0, 1)),
	dev        INTEGER NOT NULL CHECK (dev IN (0, 1)),
	created_at INTEGER NOT NULL,
	mac        BLOB    NOT NULL
) STRICT;

CREATE TABLE keys (
	id                   TEXT    NOT NULL PRIMARY KEY,
	account              TEXT    NOT NULL,
	rev                  INTEGER NOT NULL CHECK (rev >= 1),
	state                TEXT    NOT NULL,
	spec                 TEXT    NOT NULL,
	usage                TEXT    NOT NULL,
	origin               TEXT    NOT NULL,
	manager              TEXT    NOT NULL,
	description          TEXT    NOT NULL,
	current_generation   INTEGER NOT NULL CHECK (current_generation BETWEEN 0 AND 4294967295),
	created_at           INTEGER NOT NULL,
	deletion_at          INTEGER NOT NULL,
	window_days          INTEGER NOT NULL,
	rotation_period_days INTEGER NOT NULL,
	rotation_base        INTEGER NOT NULL,
	on_demand_rotations  INTEGER NOT NULL,
	tag_count            INTEGER NOT NULL,
	policy_rev           INTEGER NOT NULL,
	mac                  BLOB    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_by_account ON keys (account, id);

-- One object is one generation: were two rows to name the same object, a blob of one could be opened as the other's.
CREATE TABLE generations (
	key_id            TEXT    NOT NULL REFERENCES keys (id),
	number            INTEGER NOT NULL CHECK (number BETWEEN 0 AND 4294967295),
	rev               INTEGER NOT NULL CHECK (rev >= 1),
	state             TEXT    NOT NULL,
	object            BLOB    NOT NULL UNIQUE CHECK (length(object) = 16),
	token             TEXT    NOT NULL,
	mechanism         INTEGER NOT NULL,
	iv_policy         INTEGER NOT NULL,
	material_id       TEXT    NOT NULL,
	rotation_type     TEXT    NOT NULL,
	created_at        INTEGER NOT NULL,
	canary_iv         BLOB    NOT NULL,
	canary_ciphertext BLOB    NOT NULL,
	mac               BLOB    NOT NULL,
	PRIMARY KEY (key_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE uses (
	key_id   TEXT    NOT NULL,
	number   INTEGER NOT NULL,
	rev      INTEGER NOT NULL CHECK (rev >= 1),
	reserved INTEGER NOT NULL,
	mac      BLOB    NOT NULL,
	PRIMARY KEY (key_id, number),
	FOREIGN KEY (key_id, number) REFERENCES generations (key_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE policies (
	key_id   TEXT    NOT NULL PRIMARY KEY REFERENCES keys (id),
	rev      INTEGER NOT NULL CHECK (rev >= 1),
	document TEXT    NOT NULL,
	bound    TEXT    NOT NULL,
	mac      BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tags (
	key_id   TEXT    NOT NULL REFERENCES keys (id),
	tag      TEXT    NOT NULL,
	rev      INTEGER NOT NULL CHECK (rev >= 1),
	value    TEXT    NOT NULL,
	position INTEGER NOT NULL,
	mac      BLOB    NOT NULL,
	PRIMARY KEY (key_id, tag)
) STRICT, WITHOUT ROWID;

CREATE TABLE aliases (
	account    TEXT    NOT NULL,
	name       TEXT    NOT NULL,
	rev        INTEGER NOT NULL CHECK (rev >= 1),
	key_id     TEXT    NOT NULL REFERENCES keys (id),
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL,
	mac        BLOB    NOT NULL,
	PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX aliases_by_key ON aliases (key_id, account, name);

-- No foreign key: the intent is older than the key that it is for.
CREATE TABLE births (
	object     BLOB    NOT NULL PRIMARY KEY CHECK (length(object) = 16),
	key_id     TEXT    NOT NULL,
	number     INTEGER NOT NULL CHECK (number BETWEEN 0 AND 4294967295),
	token      TEXT    NOT NULL,
	started_at INTEGER NOT NULL,
	mac        BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
	seq    INTEGER NOT NULL PRIMARY KEY,
	id     TEXT    NOT NULL UNIQUE,
	record BLOB    NOT NULL,
	mac    BLOB    NOT NULL
) STRICT;
