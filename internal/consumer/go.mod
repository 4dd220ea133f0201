module github.com/pump-go/sessions/internal/consumer

go 1.26.0
