//go:build unix

package redis_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pump-go/sessions"
	"github.com/pump-go/sessions/driver"
	"github.com/pump-go/sessions/internal/servers"
	"github.com/pump-go/sessions/internal/site"
)

// certificates writes a CA, and a certificate and key for a server of the name and
// 127.0.0.1 that also serves as a client's. The server runs as another user.
func certificates(t *testing.T, name string) (ca, cert, key string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "redis-tls-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, // its own CA
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, secret.Public(), secret)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	ca, key = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "key.pem")
	err = errors.Join(
		os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o644),
		os.Chmod(dir, 0o755))
	if err != nil {
		t.Fatal(err)
	}
	return ca, ca, key
}

func TestTLS(t *testing.T) {
	ca, cert, key := certificates(t, "redis.test")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(addr)
	servers.OwnRedis(t, "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", ca, "--tls-auth-clients", "yes")
	params := url.Values{"ca": {ca}, "cert": {cert}, "key": {key}, "server_name": {"redis.test"}}
	b := &site.Browser{Site: site.New(site.Manager(t, sessions.Options{URL: "rediss://" + addr + "/1?" + params.Encode()}))}
	b.Wants(t, "/visit", "1 ")
	b.Wants(t, "/visit", "2 ")
	for _, without := range []string{"ca", "cert", "server_name"} {
		fewer := url.Values{}
		for name, value := range params {
			if name != without && !(without == "cert" && name == "key") {
				fewer[name] = value
			}
		}
		s := open(t, "rediss://"+addr+"/1?"+fewer.Encode())
		_, err := s.Load(t.Context(), driver.Key{})
		if err == nil || errors.Is(err, driver.ErrNotFound) {
			t.Errorf("without %s: %v", without, err)
		}
	}
	s := open(t, "redis://"+addr)
	if _, err := s.Load(t.Context(), driver.Key{}); err == nil || errors.Is(err, driver.ErrNotFound) {
		t.Errorf("without TLS: %v", err)
	}
}

func TestUnixSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "r") // short, since the length of a socket's path is limited
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil { // the server runs as another user
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	servers.OwnRedis(t, "--unixsocket", socket, "--unixsocketperm", "777")
	for _, scheme := range []string{"unix", "redis+unix"} {
		m := site.Manager(t, sessions.Options{URL: scheme + "://" + socket + "?db=2", Namespace: strings.ReplaceAll(scheme, "+", "-")})
		b := &site.Browser{Site: site.New(m)}
		b.Wants(t, "/visit", "1 ")
		b.Wants(t, "/visit", "2 ")
	}
}
