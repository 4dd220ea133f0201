//go:build unix

package servers

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Datastore returns Google's Datastore emulator, shared by the test program. Its
// concurrency is optimistic: of two concurrent changes of an entity, one is aborted.
func Datastore(t testing.TB) *Server {
	t.Helper()
	s, err := sharedDatastore()
	check(t, err)
	return s
}

// Firestore returns Google's Firestore emulator in Datastore mode, shared by the test
// program. Its concurrency is pessimistic: writers wait for each other.
func Firestore(t testing.TB) *Server {
	t.Helper()
	s, err := sharedFirestore()
	check(t, err)
	return s
}

var (
	sharedDatastore = sync.OnceValues(StartDatastore)
	sharedFirestore = sync.OnceValues(StartFirestore)
)

// OwnDatastore returns a Datastore emulator for this test only, which may stop it. It
// loses its data when it stops.
func OwnDatastore(t testing.TB) *Server {
	t.Helper()
	s, err := StartDatastore()
	check(t, err)
	t.Cleanup(s.remove)
	return s
}

// OwnFirestore returns a Firestore emulator for this test only, which may stop it. It
// loses its data when it stops.
func OwnFirestore(t testing.TB) *Server {
	t.Helper()
	s, err := StartFirestore()
	check(t, err)
	t.Cleanup(s.remove)
	return s
}

// StartDatastore starts a Datastore emulator, which StopAll stops.
func StartDatastore() (*Server, error) {
	return startEmulator("cloud-datastore-emulator/CloudDatastore.jar", "com.google.cloud.datastore.emulator.CloudDatastore",
		func(port int, data string) []string {
			return []string{"start", "--testing", "--host=127.0.0.1", fmt.Sprint("--port=", port), data}
		})
}

// StartFirestore starts a Firestore emulator, which StopAll stops.
func StartFirestore() (*Server, error) {
	return startEmulator("cloud-firestore-emulator/cloud-firestore-emulator.jar", "com.google.cloud.datastore.emulator.firestore.CloudFirestore",
		func(port int, _ string) []string {
			return []string{"start", "--host=127.0.0.1", fmt.Sprint("--port=", port), "--database-mode=datastore-mode"}
		})
}

// errEmulator marks the error for an emulator that is not installed. It has no text.
var errEmulator = errors.New("")

// startEmulator starts the emulator's Java program directly, since its wrapper script
// would receive our signals instead.
func startEmulator(jar, class string, args func(port int, data string) []string) (*Server, error) {
	name := filepath.Base(filepath.Dir(jar))
	path, err := findEmulator(jar)
	if err != nil {
		return nil, fmt.Errorf("%w%w", missing("the "+name+" of the Google Cloud CLI"), errEmulator)
	}
	java, err := find("java", filepath.Join(os.Getenv("JAVA_HOME"), "bin/java"))
	if err != nil {
		return nil, missing("Java, for the " + name)
	}
	dir, as, err := directory(name, "nobody")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	return launch(&Server{
		Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		dir:  dir,
		command: func() *exec.Cmd {
			return command(as, dir, java, append([]string{
				"-Duser.language=en", "-Duser.home=" + dir, "-Djava.io.tmpdir=" + dir, "-Xmx768m", "-XX:+UseSerialGC",
				"-cp", path, class}, args(port, data)...)...)
		},
		ready:    emulatorReady,
		graceful: syscall.SIGTERM,
	})
}

// findEmulator searches the Google Cloud CLI: in its own variable, next to its program,
// and where packages, images and the installer put it.
func findEmulator(jar string) (string, error) {
	roots := []string{os.Getenv("CLOUDSDK_ROOT_DIR")}
	if gcloud, err := exec.LookPath("gcloud"); err == nil {
		if gcloud, err = filepath.EvalSymlinks(gcloud); err == nil {
			roots = append(roots, filepath.Dir(filepath.Dir(gcloud)))
		}
	}
	home, _ := os.UserHomeDir()
	roots = append(roots, filepath.Join(home, "google-cloud-sdk"), "/usr/lib/google-cloud-sdk", "/usr/share/google-cloud-sdk",
		"/opt/google-cloud-sdk", "/google-cloud-sdk", "/snap/google-cloud-cli/current", "/opt/homebrew/share/google-cloud-sdk")
	for _, root := range roots {
		path := filepath.Join(root, "platform", jar)
		if _, err := os.Stat(path); err == nil && root != "" {
			return path, nil
		}
	}
	return "", missing(jar)
}

// emulatorReady looks up a missing entity. The emulator's status page responds earlier,
// and the first lookup may take seconds.
func emulatorReady(addr string) error {
	client := http.Client{Timeout: 10 * time.Second}
	res, err := client.Post("http://"+addr+"/v1/projects/ready:lookup", "application/json",
		strings.NewReader(`{"keys":[{"path":[{"kind":"Nothing","name":"nothing"}]}]}`))
	if err != nil {
		return err
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the response is %s", res.Status)
	}
	return nil
}
