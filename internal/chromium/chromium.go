// Package chromium has what tests need for a site over HTTPS in Debian's chromium: a
// certificate authority of their own, which the browser trusts. With errors of
// certificates ignored instead, a browser does less: it binds no session.
package chromium

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Installed returns the path of a program. If it is not installed, the test is skipped,
// or fails where nothing may be skipped.
func Installed(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("SESSIONS_TEST_REQUIRE") == "1" {
			t.Fatal(program + " is not installed")
		}
		t.Skip(program + " is not installed")
	}
	return path
}

// Home returns a home directory for a browser that trusts the authority.
func Home(t testing.TB) string {
	t.Helper()
	certutil := Installed(t, "certutil")
	home := t.TempDir()
	database, file := filepath.Join(home, ".pki", "nssdb"), filepath.Join(home, "authority.pem")
	if err := os.MkdirAll(database, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, encode("CERTIFICATE", authority().cert.Raw), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"-N", "--empty-password"},
		{"-A", "-t", "C,,", "-n", "authority", "-i", file},
	} {
		if out, err := exec.Command(certutil, append([]string{"-d", "sql:" + database}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("certutil: %v: %s", err, out)
		}
	}
	return home
}

// Certificate returns a certificate of the authority for the hosts, and its key, both
// in PEM.
func Certificate(t testing.TB, hosts ...string) (cert, key []byte) {
	t.Helper()
	ca := authority()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: hosts,
		NotBefore: ca.cert.NotBefore, NotAfter: ca.cert.NotAfter,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, ca.cert, private.Public(), ca.key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return encode("CERTIFICATE", raw), encode("PRIVATE KEY", der)
}

// TLS returns a server's configuration with a certificate for the hosts.
func TLS(t testing.TB, hosts ...string) *tls.Config {
	t.Helper()
	pair, err := tls.X509KeyPair(Certificate(t, hosts...))
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

type ca struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// authority makes the authority, once in a process.
var authority = sync.OnceValue(func() ca {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the authority of a test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		panic(err)
	}
	return ca{cert, key}
})
