//go:build unix

package servers

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"time"
)

// ask sends a line to a server of a text protocol, and calls read with its answer.
func ask(addr, line string, read func(*bufio.Reader) error) error {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return err
	}
	if _, err := c.Write([]byte(line + "\r\n")); err != nil {
		return err
	}
	return read(bufio.NewReader(c))
}

// answers returns a function that returns nil if the server answers the line with one
// of the beginnings.
func answers(line string, beginnings ...string) func(addr string) error {
	return func(addr string) error {
		return ask(addr, line, func(r *bufio.Reader) error {
			got, err := r.ReadString('\n')
			if err != nil {
				return err
			}
			for _, b := range beginnings {
				if strings.HasPrefix(got, b) {
					return nil
				}
			}
			return fmt.Errorf("the response is %q", got)
		})
	}
}
