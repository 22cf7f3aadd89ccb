package formattest_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// containerFaults are faults of the zip around the members.
func containerFaults() []fault {
	member := "data/r/memory/00000004.pb.zst"
	// on changes one entry; at is its name without the prefix.
	on := func(at string, edit func(e *zipEntry)) func(t *testing.T) []byte {
		return func(t *testing.T) []byte {
			f := base(t)
			es := f.entries()
			edit(es[f.index(at)])
			return zipOf(es, nil)
		}
	}
	both := func(local, central int, v uint16) func(e *zipEntry) {
		return func(e *zipEntry) {
			e.local = func(h []byte) []byte { return put16(h, local, v) }
			e.central = func(h []byte) []byte { return put16(h, central, v) }
		}
	}
	insert := func(e *zipEntry) func(t *testing.T) []byte {
		return func(t *testing.T) []byte {
			f := base(t)
			es := f.entries()
			if !strings.HasPrefix(e.name, "/") && !strings.HasPrefix(e.name, "..") {
				e.name = f.prefix + e.name
			}
			return zipOf(slices.Insert(es, f.index(member)+1, e), nil)
		}
	}
	return []fault{
		{name: "empty", expect: "not-archive", comment: "no bytes at all", archive: func(*testing.T) []byte { return nil }},
		{name: "text", expect: "not-archive", comment: "a text file", archive: func(*testing.T) []byte {
			return []byte(strings.Repeat("Dear exitramp, please find attached our agents.\n", 4))
		}},
		{name: "foreign-zip", expect: "not-archive", comment: "a zip of something else, from another writer", archive: func(t *testing.T) []byte {
			var b bytes.Buffer
			w := zip.NewWriter(&b)
			for i := range 3 {
				fw, err := w.Create(fmt.Sprintf("word/document%d.xml", i))
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprint(fw, "<w:document/>")
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			return b.Bytes()
		}},
		{name: "cut-in-data", expect: "truncated", comment: "the first half alone", archive: func(t *testing.T) []byte {
			b := base(t).bytes()
			return b[:len(b)/2]
		}},
		{name: "cut-in-trailer", expect: "truncated", comment: "the last byte is missing", archive: func(t *testing.T) []byte {
			b := base(t).bytes()
			return b[:len(b)-1]
		}},
		{name: "cut-directory", expect: "truncated", comment: "directory and trailer are missing", archive: func(t *testing.T) []byte {
			b := base(t).bytes()
			return b[:bytes.Index(b, []byte("PK\x01\x02"))]
		}},
		{
			name: "local-name", expect: "container", comment: "local header and directory give other names", member: member, released: 3,
			archive: on(member, func(e *zipEntry) {
				e.local = func(h []byte) []byte { return bytes.Replace(h, []byte("memory"), []byte("memorz"), 1) }
			}),
		},
		{name: "encryption-flag", expect: "container", comment: "flag bit 0 says that the member is encrypted", member: member, archive: on(member, both(localFlags, centralFlags, 1))},
		{name: "deflated", expect: "container", comment: "method 8 on a stored member", member: member, archive: on(member, both(localMethod, centralMethod, 8))},
		{
			name: "method-mismatch", expect: "container", comment: "method 8 in the directory, 0 in the local header", member: member,
			archive: on(member, func(e *zipEntry) { e.central = func(h []byte) []byte { return put16(h, centralMethod, 8) } }),
		},
		{
			name: "symlink", expect: "container", comment: "the mode of a symbolic link", member: member,
			archive: on(member, func(e *zipEntry) { e.central = func(h []byte) []byte { return put32(h, centralMode, 0o120777<<16) } }),
		},
		{
			name: "executable", expect: "container", comment: "mode 0755", member: member,
			archive: on(member, func(e *zipEntry) { e.central = func(h []byte) []byte { return put32(h, centralMode, 0o100755<<16) } }),
		},
		{name: "duplicate", expect: "container", comment: "the same name twice", member: member, archive: insert(&zipEntry{name: member, body: []byte("second"), listed: true})},
		{name: "dotdot", expect: "container", comment: "a name that climbs out of the folder", archive: insert(&zipEntry{name: "../../etc/passwd", body: []byte("x"), listed: true})},
		{name: "dotdot-inside", expect: "container", comment: "a name that climbs inside of the folder", archive: insert(&zipEntry{name: "data/../keys/0/1.age", body: []byte("x"), listed: true})},
		{name: "absolute", expect: "container", comment: "a name that starts at the root", archive: insert(&zipEntry{name: "/etc/passwd", body: []byte("x"), listed: true})},
		{name: "backslash", expect: "container", comment: "a name with a backslash", archive: insert(&zipEntry{name: `data\r\x`, body: []byte("x"), listed: true})},
		{name: "upper-case", expect: "container", comment: "a name in upper case", archive: insert(&zipEntry{name: "data/r/Memory/00000099.pb.zst", body: []byte("x"), listed: true})},
		{name: "name-too-long", expect: "container", comment: "a name of 101 bytes behind the folder", archive: insert(&zipEntry{name: "data/" + strings.Repeat("n", 96), body: []byte("x"), listed: true})},
		{name: "name-outside-grammar", expect: "container", comment: "a harmless name that no rule gives", archive: insert(&zipEntry{name: "data/notes.txt", body: []byte("x"), listed: true})},
		{name: "short-number", expect: "container", comment: "an ordinal of one digit", archive: insert(&zipEntry{name: "data/r/memory/9.pb.zst", body: []byte("x"), listed: true})},
		{name: "other-folder", expect: "container", comment: "a member in the folder of another archive", archive: func(t *testing.T) []byte {
			f := base(t)
			es := f.entries()
			e := es[f.index(member)]
			e.name = "ctxa-aaaaaaaaaaaaaaaaaaaaaaaaaa/" + member
			return zipOf(es, nil)
		}},
		{name: "folder-entry", expect: "container", comment: "an entry for the folder itself", archive: insert(&zipEntry{name: "data/", listed: true})},
		{name: "file-and-folder", expect: "container", comment: "data/r/memory is a file and a folder", archive: insert(&zipEntry{name: "data/r/memory", body: []byte("x"), listed: true})},
		{name: "hidden-member", expect: "container", comment: "a member that the directory leaves out", archive: insert(&zipEntry{name: "data/r/memory/00000099.pb.zst", body: []byte("hidden")})},
		{name: "gap", expect: "container", comment: "eight bytes between two members", archive: on(member, func(e *zipEntry) { e.before = []byte("8 bytes.") })},
		{name: "leading-bytes", expect: "container", comment: "a shell script in front, offsets right", archive: on("bagit.txt", func(e *zipEntry) { e.before = []byte("#!/bin/sh\nexit 1\n") })},
		{name: "leading-bytes-shifted", expect: "container", comment: "a shell script in front, offsets as before", archive: func(t *testing.T) []byte {
			return append([]byte("#!/bin/sh\nexit 1\n"), base(t).bytes()...)
		}},
		{name: "trailing-bytes", expect: "container", comment: "bytes behind the trailer", archive: func(t *testing.T) []byte {
			return append(base(t).bytes(), "more"...)
		}},
		{name: "trailing-newline", expect: "container", comment: "a newline behind the trailer, as a careless editor adds", archive: func(t *testing.T) []byte {
			return append(base(t).bytes(), '\n')
		}},
		{name: "two-ends", expect: "container", comment: "a second end of the directory behind the first", archive: func(t *testing.T) []byte {
			b := base(t).bytes()
			return append(b, b[len(b)-98:]...)
		}},
		{name: "two-archives", expect: "container", comment: "one archive behind another", archive: func(t *testing.T) []byte {
			b := base(t).bytes()
			return append(b, b...)
		}},
		{name: "archive-comment", expect: "container", comment: "a comment of four bytes, declared", archive: func(t *testing.T) []byte {
			return zipOf(base(t).entries(), func(b []byte) []byte { return append(put16(b, 96, 4), "note"...) })
		}},
		{
			name: "member-comment", expect: "container", comment: "a comment of a member", member: member,
			archive: on(member, func(e *zipEntry) {
				e.central = func(h []byte) []byte { return append(put16(h, centralCommentLen, 4), "note"...) }
			}),
		},
		{
			name: "unicode-path", expect: "container", comment: "an extra field that gives another name", member: member,
			archive: on(member, func(e *zipEntry) {
				e.central = func(h []byte) []byte {
					x := append(le32(append(le16(le16(nil, 0x7075), 5+5), 1), 0), "other"...)
					return append(put16(h, centralExtraLen, uint16(len(x))), x...)
				}
			}),
		},
		{
			name: "needless-zip64", expect: "container", comment: "a ZIP64 offset where 32 bits do", member: "data/root.pb.zst",
			archive: on("data/root.pb.zst", func(e *zipEntry) {
				e.central = func(h []byte) []byte {
					at := uint64(h[centralOffset]) | uint64(h[centralOffset+1])<<8 | uint64(h[centralOffset+2])<<16
					h = put32(put16(h, centralExtraLen, 12), centralOffset, 1<<32-1)
					return le64(le16(le16(h, 1), 8), at)
				}
			}),
		},
		{
			name: "data-descriptor", expect: "container", comment: "sizes behind the member, as streaming writers put them", member: member,
			archive: on(member, func(e *zipEntry) {
				both(localFlags, centralFlags, 8)(e)
				e.after = make([]byte, 16)
			}),
		},
		{
			name: "overlap", expect: "container", comment: "two entries of the directory share their bytes",
			archive: on(member, func(e *zipEntry) {
				central := e.central
				e.central = func(h []byte) []byte {
					if central != nil {
						h = central(h)
					}
					second := bytes.Replace(bytes.Clone(h), []byte("00000004"), []byte("00000094"), 1)
					return append(h, second...)
				}
			}),
		},
		{name: "offset", expect: "container", comment: "an entry that points somewhere else", member: member, archive: on(member, func(e *zipEntry) {
			e.central = func(h []byte) []byte { return put32(h, centralOffset, 0) }
		})},
		{name: "no-zip64", expect: "container", comment: "the short trailer of other writers", archive: func(t *testing.T) []byte {
			return zipOf(base(t).entries(), func(b []byte) []byte { return b[76:] })
		}},
		{name: "trailer-count", expect: "container", comment: "the trailer counts one member more", archive: func(t *testing.T) []byte {
			return zipOf(base(t).entries(), func(b []byte) []byte { b[24]++; b[32]++; b[84]++; b[86]++; return b })
		}},
		{
			name: "member-too-large", expect: "limit", comment: "a member that claims 64 MiB and one byte", member: member,
			archive: on(member, func(e *zipEntry) {
				e.local = func(h []byte) []byte { return put32(put32(h, localSize, 64<<20+1), localSize+4, 64<<20+1) }
				e.central = func(h []byte) []byte { return put32(put32(h, centralSize, 64<<20+1), centralSize+4, 64<<20+1) }
			}),
		},
		{
			name: "member-beyond-end", expect: "container", comment: "a member that claims 1 MiB in a small file", member: member,
			archive: on(member, func(e *zipEntry) {
				e.local = func(h []byte) []byte { return put32(put32(h, localSize, 1<<20), localSize+4, 1<<20) }
				e.central = func(h []byte) []byte { return put32(put32(h, centralSize, 1<<20), centralSize+4, 1<<20) }
			}),
		},
		{name: "too-many-members", expect: "limit", comment: "a trailer that claims a thousand million members", archive: func(t *testing.T) []byte {
			return zipOf(base(t).entries(), func(b []byte) []byte {
				for _, at := range []int{24, 32} {
					put32(b, at, 1_000_000_000)
				}
				return put32(b, 84, 1<<32-1)
			})
		}},
		{name: "crc", expect: "digest", comment: "local header and directory agree on a wrong CRC", member: member, released: 3, archive: on(member, func(e *zipEntry) {
			e.local = func(h []byte) []byte { return put32(h, 14, 7) }
			e.central = func(h []byte) []byte { return put32(h, 16, 7) }
		})},
		{name: "order", expect: "container", comment: "the manifest in front of the records", archive: func(t *testing.T) []byte {
			f := base(t)
			m := f.members[f.index(manifestJSON)]
			f.remove(manifestJSON)
			f.members = slices.Insert(f.members, 2, m)
			return f.bytes()
		}},
		{name: "first-member", expect: "not-archive", comment: "bagit.txt is not the first member, so that the magic is not in its place", archive: func(t *testing.T) []byte {
			f := base(t)
			f.members[0], f.members[1] = f.members[1], f.members[0]
			return f.bytes()
		}},
		missing("bagit.txt", "not-archive"), missing(readmeMD, "container"), missing(listTxt, "container"), missing(manifestJSON, "container"),
	}
}

func missing(name, class string) fault {
	return fault{name: "no-" + strings.ToLower(strings.ReplaceAll(name, ".", "-")), expect: class, comment: "without " + name, archive: func(t *testing.T) []byte {
		f := base(t)
		f.remove(name)
		return f.bytes()
	}}
}
