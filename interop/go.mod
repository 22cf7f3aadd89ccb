module github.com/exitramp/exitramp/interop

go 1.26.0
