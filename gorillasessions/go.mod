module github.com/pump-go/sessions/gorillasessions

go 1.26.0

require (
	github.com/gorilla/sessions v1.4.0
	github.com/pump-go/sessions v0.0.0
)

require (
	github.com/fxamacker/cbor/v2 v2.10.0 // indirect
	github.com/gorilla/securecookie v1.1.2 // indirect
	github.com/x448/float16 v0.8.4 // indirect
)
