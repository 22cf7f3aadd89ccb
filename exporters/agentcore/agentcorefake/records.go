package agentcorefake

import (
	"fmt"
	"slices"
	"time"
)

// record is one memory record.
type record struct {
	id   string
	made time.Time
	doc  map[string]any
}

func (r *record) namespace() string {
	if ns, _ := r.doc["namespaces"].([]any); len(ns) > 0 {
		return ns[0].(string)
	}
	return ""
}

func (s *Server) createRecords(m *memory, r *request) (any, error) {
	ok, bad := []any{}, []any{}
	now := s.o.Now()
	spec, _ := r.body["recordExpirySpecification"].(map[string]any)
	for _, x := range r.body["records"].([]any) {
		in := x.(map[string]any)
		id := "mem-" + s.suffix() + "-" + s.suffix() + "-" + s.suffix() + "-" + s.suffix()
		out := map[string]any{"memoryRecordId": id, "requestIdentifier": in["requestIdentifier"]}
		if st, given := in["memoryStrategyId"]; given && !m.hasStrategy(st) {
			out["status"], out["errorCode"], out["errorMessage"] = "FAILED", 400, fmt.Sprintf("no strategy %v in this memory", st)
			bad = append(bad, out)
			continue
		}
		if s.o.FailRecord != nil {
			if code := s.o.FailRecord(in); code > 0 {
				out["status"], out["errorCode"], out["errorMessage"] = "FAILED", code, "not now"
				bad = append(bad, out)
				continue
			}
		}
		doc := map[string]any{"memoryRecordId": id, "createdAt": stamp(now), "memoryStrategyId": "none"}
		for _, k := range []string{"content", "namespaces", "memoryStrategyId", "metadata", "timestamp"} {
			if v, there := in[k]; there {
				doc[k] = v
			}
		}
		if n, there := spec["recordExpiryDurationDays"]; there {
			days := 0
			fmt.Sscan(fmt.Sprint(n), &days)
			doc["expiresAt"] = stamp(now.AddDate(0, 0, days))
		}
		m.records = append(m.records, &record{id, now, doc})
		out["status"] = "SUCCEEDED"
		ok = append(ok, out)
	}
	return map[string]any{"successfulRecords": ok, "failedRecords": bad}, nil
}

func (m *memory) hasStrategy(id any) bool {
	return slices.ContainsFunc(m.doc["strategies"].([]any), func(x any) bool { return x.(map[string]any)["strategyId"] == id })
}

func (s *Server) recordOp(m *memory, r *request) (any, error) {
	switch r.op {
	case "ListMemoryRecords":
		exact, path := r.str("namespace"), r.str("namespacePath")
		if (exact == "") == (path == "") {
			return nil, invalid("exactly one of namespace and namespacePath is required")
		}
		var all []*record
		for _, x := range m.records {
			if st := r.str("memoryStrategyId"); st != "" && x.doc["memoryStrategyId"] != st {
				continue
			}
			if exact != "" && x.namespace() != exact || path != "" && !below(x.namespace(), path) {
				continue
			}
			if s.o.Now().Before(x.made.Add(s.o.VisibleAfter)) {
				continue
			}
			all = append(all, x)
		}
		xs, next, err := page(s, r, all, func(x *record) string { return x.id }, 20, 100)
		out := []any{}
		for _, x := range xs {
			d := map[string]any{}
			for k, v := range x.doc {
				if k != "expiresAt" {
					d[k] = v
				}
			}
			out = append(out, d)
		}
		return listed(map[string]any{"memoryRecordSummaries": out}, next), err
	case "GetMemoryRecord":
		for _, x := range m.records {
			if x.id == r.str("memoryRecordId") {
				return map[string]any{"memoryRecord": x.doc}, nil
			}
		}
		return nil, notFound("Memory record not found")
	case "BatchDeleteMemoryRecords", "BatchUpdateMemoryRecords":
		ok, bad := []any{}, []any{}
		for _, x := range r.body["records"].([]any) {
			in := x.(map[string]any)
			id := in["memoryRecordId"]
			i := slices.IndexFunc(m.records, func(y *record) bool { return y.id == id })
			if i < 0 {
				bad = append(bad, map[string]any{"memoryRecordId": id, "status": "FAILED", "errorCode": 404, "errorMessage": "Memory record not found"})
				continue
			}
			if s.o.FailRecord != nil {
				if code := s.o.FailRecord(in); code > 0 {
					bad = append(bad, map[string]any{"memoryRecordId": id, "status": "FAILED", "errorCode": code, "errorMessage": "not now"})
					continue
				}
			}
			if r.op == "BatchDeleteMemoryRecords" {
				m.records = slices.Delete(m.records, i, i+1)
			} else {
				for _, k := range []string{"content", "namespaces", "memoryStrategyId", "metadata", "timestamp"} {
					if v, there := in[k]; there {
						m.records[i].doc[k] = v
					}
				}
			}
			ok = append(ok, map[string]any{"memoryRecordId": id, "status": "SUCCEEDED"})
		}
		return map[string]any{"successfulRecords": ok, "failedRecords": bad}, nil
	}
	return nil, &apiError{status: 404, typ: "UnknownOperationException", msg: r.op}
}
