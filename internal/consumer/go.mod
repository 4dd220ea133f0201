module github.com/pump-go/sessions/internal/consumer

go 1.26.0

require github.com/pump-go/sessions v0.0.0
