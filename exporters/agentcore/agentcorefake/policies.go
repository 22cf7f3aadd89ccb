package agentcorefake

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"
)

// gatewayID finds the gateways that a policy names.
var gatewayID = regexp.MustCompile(`arn:[^"\s]*:bedrock-agentcore:[^"\s]*:gateway/([0-9a-z-]+)`)

// shownAs is a policy or policy engine as it is at this moment: the service works on it for a while.
func (s *Server) shownAs(d map[string]any) map[string]any {
	out := maps.Clone(d)
	until, _ := out[workUntil].(time.Time)
	delete(out, workUntil)
	if s.o.Now().Before(until) {
		if out["status"] != "DELETING" {
			out["status"] = "CREATING"
		}
	}
	return out
}

// workUntil is a member that no answer has: when the service has done what it was asked for.
const workUntil = "\x00until"

// sweep forgets what was deleted long enough ago.
func (s *Server) sweep(sh *shelf) {
	sh.docs = slices.DeleteFunc(sh.docs, func(d map[string]any) bool {
		until, _ := d[workUntil].(time.Time)
		return d["status"] == "DELETING" && !s.o.Now().Before(until)
	})
}

func conflict(f string, a ...any) error {
	return &apiError{status: 409, typ: "ConflictException", msg: fmt.Sprintf(f, a...)}
}

// policyOp makes, changes and removes policy engines and policies.
func (s *Server) policyOp(r *request) (any, error) {
	engines := s.shelf("PolicyEngine", "")
	s.sweep(engines)
	if r.op == "CreatePolicyEngine" {
		return s.once(r, s.createEngine)
	}
	i := slices.IndexFunc(engines.docs, func(d map[string]any) bool { return d["policyEngineId"] == r.labels["policyEngineId"] })
	if i < 0 {
		return nil, notFound("PolicyEngine not found")
	}
	policies := s.shelf("Policy", r.labels["policyEngineId"])
	s.sweep(policies)
	switch r.op {
	case "CreatePolicy":
		return s.once(r, func(r *request) (any, error) { return s.createPolicy(r, engines.docs[i]) })
	case "DeletePolicyEngine":
		if len(policies.docs) > 0 {
			return nil, conflict("the policy engine has policies")
		}
		return s.remove(engines.docs[i]), nil
	}
	j := slices.IndexFunc(policies.docs, func(d map[string]any) bool { return d["policyId"] == r.labels["policyId"] })
	if j < 0 {
		return nil, notFound("Policy not found")
	}
	d := policies.docs[j]
	if r.op == "DeletePolicy" {
		return s.remove(d), nil
	}
	for _, k := range []string{"definition", "enforcementMode"} { // UpdatePolicy
		if v, ok := r.body[k]; ok {
			d[k] = v
		}
	}
	d["updatedAt"] = s.day()
	return s.shownAs(d), nil
}

func (s *Server) remove(d map[string]any) any {
	d["status"], d[workUntil] = "DELETING", s.o.Now().Add(s.o.Working)
	return s.shownAs(d)
}

func (s *Server) day() string { return s.o.Now().UTC().Format(time.RFC3339Nano) }

func (s *Server) createEngine(r *request) (any, error) {
	sh := s.shelf("PolicyEngine", "")
	if slices.ContainsFunc(sh.docs, func(d map[string]any) bool { return d["name"] == r.body["name"] }) {
		return nil, conflict("a policy engine with name %v already exists", r.body["name"])
	}
	id := r.str("name") + "-" + s.suffix()
	d := map[string]any{"policyEngineId": id, "name": r.str("name"), "status": "ACTIVE", "statusReasons": []any{}, "createdAt": s.day(), "updatedAt": s.day(), workUntil: s.o.Now().Add(s.o.Working),
		"policyEngineArn": fmt.Sprintf("arn:aws:bedrock-agentcore:%s:%s:policy-engine/%s", s.o.Region, s.o.Account, id)}
	for _, k := range []string{"description", "encryptionKeyArn"} {
		if v, ok := r.body[k]; ok {
			d[k] = v
		}
	}
	sh.docs = append(sh.docs, d)
	return s.shownAs(d), nil
}

func (s *Server) createPolicy(r *request, engine map[string]any) (any, error) {
	for k, sh := range s.things {
		if k != "PolicyEngine|" && slices.ContainsFunc(sh.docs, func(d map[string]any) bool { return d["policyId"] != nil && d["name"] == r.body["name"] }) {
			return nil, conflict("a policy with name %v already exists", r.body["name"])
		}
	}
	id := r.str("name") + "-" + s.suffix()
	d := map[string]any{"policyId": id, "name": r.str("name"), "policyEngineId": engine["policyEngineId"], "status": "ACTIVE", "statusReasons": []any{}, "createdAt": s.day(), "updatedAt": s.day(),
		"enforcementMode": "ACTIVE", "definition": r.body["definition"], "policyArn": fmt.Sprint(engine["policyEngineArn"], "/policy/", id), workUntil: s.o.Now().Add(s.o.Working)}
	for _, k := range []string{"description", "enforcementMode"} {
		if v, ok := r.body[k]; ok {
			d[k] = v
		}
	}
	for _, m := range gatewayID.FindAllStringSubmatch(fmt.Sprint(d["definition"]), -1) {
		there := func(g map[string]any) bool { return g["gatewayId"] == m[1] && g["gatewayArn"] == m[0] }
		if !slices.ContainsFunc(s.shelf("Gateway", "").docs, there) {
			d["status"], d["statusReasons"] = "CREATE_FAILED", []any{"Insufficient permissions to call gateway with ID " + m[1]}
		}
	}
	sh := s.shelf("Policy", r.labels["policyEngineId"])
	sh.docs = append(sh.docs, d)
	out := s.shownAs(d)
	out["status"] = "CREATING"
	return out, nil
}
