package derive

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
)

// anyLabel is the name of the function that comparisons of labels become.
const anyLabel = "any_label"

// values are what the labels of a record say, by name: a record may have several of one name.
type values map[string][]string

// compared makes a comparison with a label one with each of its values. A label that stands elsewhere, as in
// lower(labels.topic), is its last value.
type compared struct{}

// Visit replaces labels.name OP x, and x OP labels.name.
func (compared) Visit(node *ast.Node) {
	b, ok := (*node).(*ast.BinaryNode)
	if !ok || !slices.Contains([]string{"==", "!=", "<", "<=", ">", ">=", "in", "matches", "contains", "startsWith", "endsWith"}, b.Operator) {
		return
	}
	left, isLeft := label(b.Left)
	right, isRight := label(b.Right)
	if !isLeft && (!isRight || b.Operator == "in") {
		return
	}
	ast.Patch(node, &ast.CallNode{
		Callee:    &ast.IdentifierNode{Value: anyLabel},
		Arguments: []ast.Node{&ast.StringNode{Value: b.Operator}, left, right},
	})
}

// label is all values of a label where node is labels.name; else it is node.
func label(node ast.Node) (ast.Node, bool) {
	at := node
	if c, ok := at.(*ast.ChainNode); ok {
		at = c.Node
	}
	m, ok := at.(*ast.MemberNode)
	if !ok {
		return node, false
	}
	if of, ok := m.Node.(*ast.IdentifierNode); !ok || of.Value != "labels" {
		return node, false
	}
	return &ast.MemberNode{Node: &ast.IdentifierNode{Value: "label_values"}, Property: m.Property}, true
}

// comparisons are the options of an expression that sees labels.
func comparisons() []expr.Option {
	var c comparison
	return []expr.Option{
		expr.Patch(compared{}),
		expr.Function(anyLabel, func(args ...any) (any, error) {
			return c.anyOf(args[0].(string), texts(args[1]), texts(args[2]), args[2])
		}, new(func(string, any, any) bool)),
	}
}

// texts are the values that v stands for; a label that is not there says nothing, which is the empty text.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []string:
		if len(v) == 0 {
			return []string{""}
		}
		return v
	}
	return nil
}

// maxPatterns is how many patterns are held that were compiled: those of an expression are few, those of records may be many.
const maxPatterns = 100

// comparison is what the comparisons of an expression share.
type comparison struct {
	mu       sync.Mutex
	patterns map[string]*regexp.Regexp
}

// pattern is a pattern, compiled once for all records.
func (c *comparison) pattern(text string) (*regexp.Regexp, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if re := c.patterns[text]; re != nil {
		return re, nil
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	if c.patterns == nil || len(c.patterns) >= maxPatterns {
		c.patterns = map[string]*regexp.Regexp{}
	}
	c.patterns[text] = re
	return re, nil
}

// anyOf tells whether op holds of one of a and one of b. Where it says what is not so, it holds of all.
func (c *comparison) anyOf(op string, a, b []string, whole any) (bool, error) {
	switch op {
	case "!=":
		same, err := c.anyOf("==", a, b, whole)
		return !same, err
	case "in":
		return slices.ContainsFunc(a, func(s string) bool { return among(s, whole) }), nil
	}
	for _, pattern := range b {
		holds, err := c.holdsOf(op, pattern)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(a, holds) {
			return true, nil
		}
	}
	return false, nil
}

// among tells whether s is an element of a list, or a key of a map.
func among(s string, whole any) bool {
	switch in := whole.(type) {
	case []string:
		return slices.Contains(in, s)
	case []any:
		return slices.Contains(in, any(s))
	case map[string]struct{}: // a list of constants, as the compiler has it
		_, ok := in[s]
		return ok
	case map[string]any:
		_, ok := in[s]
		return ok
	case map[string]string:
		_, ok := in[s]
		return ok
	}
	return false
}

// holdsOf is whether op holds of a value and b.
func (c *comparison) holdsOf(op, b string) (func(string) bool, error) {
	switch op {
	case "==":
		return func(a string) bool { return a == b }, nil
	case "<":
		return func(a string) bool { return a < b }, nil
	case "<=":
		return func(a string) bool { return a <= b }, nil
	case ">":
		return func(a string) bool { return a > b }, nil
	case ">=":
		return func(a string) bool { return a >= b }, nil
	case "contains":
		return func(a string) bool { return strings.Contains(a, b) }, nil
	case "startsWith":
		return func(a string) bool { return strings.HasPrefix(a, b) }, nil
	case "endsWith":
		return func(a string) bool { return strings.HasSuffix(a, b) }, nil
	case "matches":
		re, err := c.pattern(b)
		if err != nil {
			return nil, err
		}
		return re.MatchString, nil
	}
	return nil, fmt.Errorf("operator %s", op)
}
