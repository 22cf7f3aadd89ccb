package claudecode

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// maxServers is how large the file may be that names servers: it also holds what people typed, with
// what they pasted.
const maxServers = 64 << 20

// servers are the MCP servers that the file rel names. The rest of it is of the machine, and stays
// there.
func (r *reading) servers(file, rel string) error {
	broken := func(reason pb.Gap_Reason, why string) error {
		r.n["toolserver"]++
		return r.gap(&pb.Gap{Kind: "toolserver", Place: rel, Reason: reason, Count: 1, Detail: why})
	}
	st, err := os.Stat(file) // a link is followed: of the file, servers alone are read
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && (!st.Mode().IsRegular() || st.Size() > maxServers) {
		return broken(pb.Gap_REASON_LIMIT, "larger than any such file, or no file")
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return broken(homefiles.GapOf(&homefiles.File{}, err).Reason, err.Error())
	}
	var doc struct {
		Servers  map[string]json.RawMessage `json:"mcpServers"`
		Projects map[string]struct {
			Servers map[string]json.RawMessage `json:"mcpServers"`
		} `json:"projects"`
	}
	if err := json.Unmarshal(homefiles.JSON(b), &doc); err != nil {
		return broken(pb.Gap_REASON_CORRUPT, "not JSON, or servers that are no objects")
	}
	scopes := map[string]map[string]json.RawMessage{"": doc.Servers}
	for p, x := range doc.Projects {
		scopes[p] = x.Servers
	}
	for _, scope := range sortedKeys(scopes) {
		for _, name := range sortedKeys(scopes[scope]) {
			if err := r.server(rel, scope, name, scopes[scope][name]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reading) server(rel, scope, name string, raw json.RawMessage) error {
	r.n["toolserver"]++
	clean, secrets, err := homefiles.RedactJSON(raw)
	if err != nil || len(clean) > agentstate.SpillSize {
		return r.gap(&pb.Gap{Kind: "toolserver", Place: rel + " " + valid(name), Reason: pb.Gap_REASON_CORRUPT, Count: 1, Detail: "larger, or nested deeper, than any server's settings"})
	}
	place := rel + " mcpServers " + valid(name)
	if scope != "" {
		place = rel + " projects " + valid(scope) + " mcpServers " + valid(name)
	}
	s := serverOf(agentstate.Meta("toolserver", agentstate.Document("mcpServers", "application/json", clean), scope, name), name, clean)
	s.credentials(place, "")
	if err := r.credentials(place, secrets); err != nil {
		return err
	}
	return r.put(s.ToolServer)
}

// pluginServers are the MCP servers that a document of a plugin's settings names, as readings of it.
func (r *reading) pluginServers(rel, policy string, clean []byte) error {
	doc, _ := jsonvalue.Parse(homefiles.JSON(clean))
	in, prefix := doc.Get("mcpServers"), "mcpServers."
	switch base := homefiles.Fold(path.Base(rel)); {
	case base == ".mcp.json" && len(in) == 0: // it may name them at once
		in, prefix = doc, ""
	case base != ".mcp.json" && base != "plugin.json":
		return nil
	}
	servers := map[string]jsonvalue.Value{}
	add := func(name []byte, v jsonvalue.Value) {
		if v.IsObject() {
			servers[valid(string(name))] = v
		}
	}
	in.Members(add)
	in.Elements(func(v jsonvalue.Value) { v.Members(add) }) // beside names of documents
	for _, name := range sortedKeys(servers) {
		s := serverOf(agentstate.Meta("toolserver", nil, rel, name), name, servers[name])
		s.Meta.ViewOfKeys = []string{policy}
		s.credentials(rel, prefix+name+".")
		r.n["toolserver"]++
		if err := r.put(s.ToolServer); err != nil {
			return err
		}
	}
	return nil
}

// A named is an MCP server, and its settings without their secrets.
type named struct {
	*pb.ToolServer
	clean jsonvalue.Value
}

func serverOf(m *pb.Meta, name string, clean []byte) named {
	var d struct{ Type, Command, URL string }
	json.Unmarshal(clean, &d)
	s := &pb.ToolServer{Meta: m, Name: valid(name), Protocol: "mcp+stdio", Location: valid(d.Command)}
	if d.URL != "" || d.Type == "http" || d.Type == "sse" {
		s.Protocol, s.Location = "mcp+http", valid(d.URL)
	}
	return named{s, clean}
}

// credentials says where secrets were, also in a copy that a replay has made: at prefix and the names that lead there, of place.
func (s named) credentials(place, prefix string) {
	empty(s.clean, "", 0, func(path string) {
		if k := agentstate.Key("credential", place, prefix+path); !slices.Contains(s.CredentialKeys, k) {
			s.CredentialKeys = append(s.CredentialKeys, k)
		}
	})
}

// empty calls fn for each empty text in v, with the names that lead to it. No server is deeper than 32.
func empty(v jsonvalue.Value, path string, depth int, fn func(path string)) {
	if depth > 32 {
		return
	}
	if string(v) == `""` {
		fn(path)
	}
	v.Elements(func(x jsonvalue.Value) { empty(x, path, depth+1, fn) })
	v.Members(func(name []byte, x jsonvalue.Value) {
		empty(x, strings.TrimPrefix(path+"."+string(name), "."), depth+1, fn)
	})
}
