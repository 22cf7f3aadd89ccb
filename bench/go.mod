module github.com/exitramp/exitramp/bench

go 1.26.0

require (
	filippo.io/age v1.3.2
	github.com/exitramp/exitramp v0.0.0
	google.golang.org/protobuf v1.36.12
)

replace github.com/exitramp/exitramp => ../
