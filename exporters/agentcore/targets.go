package agentcore

import (
	"encoding/json"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// targetConfiguration says what a gateway's target is: one of them is set.
type targetConfiguration struct {
	MCP struct {
		Lambda *struct {
			LambdaArn  string
			ToolSchema schema
		}
		OpenAPISchema, SmithyModel *schema
		MCPServer                  *struct {
			Endpoint      string
			MCPToolSchema *schema
		}
		APIGateway *struct{ RestAPIID, Stage string }
		Connector  *struct{ Source struct{ ConnectorID string } }
	}
	HTTP struct {
		AgentcoreRuntime *struct {
			Arn    string
			Schema *httpSchema
		}
		Passthrough *struct {
			Endpoint string
			Schema   *httpSchema
		}
	}
	Inference struct {
		Provider  *struct{ Endpoint string }
		Connector *struct{ Source struct{ ConnectorID string } }
	}
}

type schema struct {
	InlinePayload json.RawMessage
	S3            struct{ URI string }
}

type httpSchema struct{ Source *schema }

// text is the document of a schema that is given in place; nil: it is elsewhere.
func (s *schema) text() *pb.Data {
	var doc string
	if s == nil || json.Unmarshal(s.InlinePayload, &doc) != nil || doc == "" {
		return nil
	}
	if json.Valid([]byte(doc)) {
		return agentstate.Inline("application/json", []byte(doc))
	}
	return agentstate.Inline("text/plain", []byte(doc))
}

func (h *httpSchema) text() *pb.Data {
	if h == nil {
		return nil
	}
	return h.Source.text()
}

// read sets what t is, and gives its tools where they are listed in it.
func (c *targetConfiguration) read(t *pb.ToolServer) (tools json.RawMessage) {
	switch m := c.MCP; {
	case m.Lambda != nil:
		t.Protocol, t.Location, tools = "lambda", m.Lambda.LambdaArn, m.Lambda.ToolSchema.InlinePayload
	case m.OpenAPISchema != nil:
		t.Protocol, t.Location, t.Definition = "openapi", m.OpenAPISchema.S3.URI, m.OpenAPISchema.text()
	case m.SmithyModel != nil:
		t.Protocol, t.Location, t.Definition = "smithy", m.SmithyModel.S3.URI, m.SmithyModel.text()
	case m.MCPServer != nil:
		t.Protocol, t.Location, t.Definition = "mcp+http", m.MCPServer.Endpoint, m.MCPServer.MCPToolSchema.text()
	case m.APIGateway != nil:
		t.Protocol, t.Location = "apigateway", m.APIGateway.RestAPIID+"/"+m.APIGateway.Stage
	case m.Connector != nil:
		t.Protocol, t.Location = "connector", m.Connector.Source.ConnectorID
	}
	switch h := c.HTTP; {
	case h.AgentcoreRuntime != nil:
		t.Protocol, t.Location, t.Definition = "agentcore-runtime", h.AgentcoreRuntime.Arn, h.AgentcoreRuntime.Schema.text()
	case h.Passthrough != nil:
		t.Protocol, t.Location, t.Definition = "http", h.Passthrough.Endpoint, h.Passthrough.Schema.text()
	}
	switch i := c.Inference; {
	case i.Provider != nil:
		t.Protocol, t.Location = "inference", i.Provider.Endpoint
	case i.Connector != nil:
		t.Protocol, t.Location = "inference", i.Connector.Source.ConnectorID
	}
	return tools
}
