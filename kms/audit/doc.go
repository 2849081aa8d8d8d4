// Package audit is the durable log of what was asked and answered: CloudTrail-shaped records (Event), appended to
// segment files (Log) and on stable storage before an answer is released.
//
// # Format
//
// A log is a directory of segments named audit-<sequence number of the first record, 20 digits>.jsonl. A segment is
// JSON lines, so jq reads it, and each line is exactly
//
//	{"seq":N,"record":{...},"crc":"xxxxxxxx"}
//
// followed by a line feed. N is decimal, counts from 0 and has no gaps, within and across segments: it is the index
// of the record's leaf in a Merkle tree. The record is an object as Append got it, without a line feed. The check is
// the CRC-32C (Castagnoli, RFC 3720 appendix B.4) of all octets of the line before ,"crc" as eight lower-case
// hexadecimal digits. It is against accidents: whoever can write the file can compute it.
//
// # After a crash
//
// A batch is one write and one sync, and nobody is told that a record is in the log before the sync has returned. So
// a crash can only leave bytes that fail the check at the very end of the newest segment, at most a batch of them.
// Open puts these aside in a file named after the segment and the offset, with the suffix .torn, and cuts them; a
// last record which is whole but for its line feed gets it. Everything else that fails the check is damage, which no
// crash explains: Open and Read refuse it by file and line, and nothing is changed. A record that passes the check is
// never removed by opening a log.
//
// # When writing fails
//
// After a failed sync the kernel may have dropped the data and call the pages clean, so no later sync proves anything
// ("fsyncgate", https://lwn.net/Articles/752063/). Any write or sync error therefore poisons the log: this and every
// later Append fails until the log is opened again. A full disk (ENOSPC, EDQUOT) met by the write itself, or by the
// making of a segment, is different, for nothing has been synced yet: the file is cut back to its durable length, the
// batch fails, and the next one tries again. A file that was replaced, removed, cut or written by somebody else
// while it was open poisons the log too.
package audit
