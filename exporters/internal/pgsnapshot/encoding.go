package pgsnapshot

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// labelEncoding is the label of an Origin from a database of PostgreSQL that is not of UTF8: "LATIN1".
const labelEncoding = "server_encoding"

// Encoding is that of the database of conn.
func (s *Server) Encoding(ctx context.Context, conn *pgx.Conn) (enc string, err error) {
	err = conn.QueryRow(ctx, "SELECT current_setting('server_encoding')").Scan(&enc)
	return enc, s.Wrap(err)
}

// EncodingLabels say of an Origin that its database is of enc, where it is not UTF8.
func EncodingLabels(enc string) []*pb.Label {
	if enc == "UTF8" {
		return nil
	}
	return []*pb.Label{{Name: labelEncoding, Value: enc}}
}

// TakesText refuses a database of enc as a target where it cannot hold most characters, unless what comes is from one of its
// encoding: a run would break off at the first row with one of them. from is nil where rows do not come as they were. An undo takes
// rows away, and needs no such thing.
func (s *Server) TakesText(enc string, from *pb.Origin) error {
	if enc == "UTF8" || enc == "SQL_ASCII" { // the second takes any bytes
		return nil
	}
	for _, l := range from.GetMeta().GetLabels() {
		if l.Name == labelEncoding && l.Value == enc {
			return nil
		}
	}
	return fmt.Errorf("%s: the database has the encoding %s, which lacks most characters; want one that was made with ENCODING 'UTF8' TEMPLATE template0", s, enc)
}
