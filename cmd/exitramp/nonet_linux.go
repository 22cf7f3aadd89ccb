package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
)

const methodOpened = "no source driver opened"

// withoutNetwork runs the same command again in a network namespace of its own, which has no way
// out: what is in it cannot reach the provider, whatever it does. done is false where that is not
// possible; block then says why.
func (a *app) withoutNetwork(ctx context.Context, p *drill.Plan) (done bool, block evidence.Block, err error) {
	block = evidence.Block{Method: methodOpened}
	if p.Target != "" && p.Level >= evidence.L3 && overNetwork(p.Target) {
		block.Probe = "the target is reached over the network, too: a file, or a socket (?host=/var/run/postgresql), would do"
		return false, block, nil
	}
	self, err := os.Executable()
	if err != nil {
		return false, block, err
	}
	ns, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		block.Probe = "the system has no network namespaces"
		return false, block, nil
	}
	cmd := exec.CommandContext(ctx, self, append(os.Args[1:], "--inside-namespace="+ns)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, a.stdout, a.stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}},
	}
	if err := cmd.Start(); err != nil {
		block.Probe = fmt.Sprintf("no user and network namespace: %v", err)
		return false, block, nil
	}
	err = cmd.Wait()
	var ee *exec.ExitError
	if errors.As(err, &ee) { // it has said what there is to say
		return true, block, &exitError{code: ee.ExitCode(), err: errors.New("")}
	}
	return true, block, err
}

// overNetwork tells whether a URL of a plan names a host that is not reached by a socket file.
func overNetwork(raw string) bool {
	u, err := url.Parse(strings.NewReplacer("${", "", "}", "").Replace(raw))
	if err != nil {
		return true
	}
	return u.Host != "" && !strings.HasPrefix(u.Query().Get("host"), "/")
}

// blocked looks around in the namespace: another one than outside's, no interface that leads out, and
// no way to the provider's hosts.
func blocked(ctx context.Context, p *drill.Plan, outside string) evidence.Block {
	b := evidence.Block{Method: "empty network namespace"}
	if ns, err := os.Readlink("/proc/self/ns/net"); err != nil || ns == outside {
		b.Method, b.Probe = methodOpened, "still in the network namespace of the machine"
		return b
	}
	ifs, err := net.Interfaces()
	if err != nil {
		b.Probe = fmt.Sprintf("interfaces: %v", err)
		return b
	}
	for _, i := range ifs {
		if i.Flags&net.FlagLoopback == 0 && i.Flags&net.FlagUp != 0 {
			b.Probe = "interface " + i.Name + " is up"
			return b
		}
	}
	hosts := p.Provider.Hosts
	if u, err := url.Parse(strings.NewReplacer("${", "", "}", "").Replace(p.Source)); err == nil && u.Port() != "" {
		hosts = append(hosts, u.Host)
	}
	if len(hosts) == 0 {
		hosts = []string{"192.0.2.1:443"} // TEST-NET-1, which is nobody's: without a route there is an error at once
	}
	d := net.Dialer{Timeout: 3 * time.Second}
	var seen []string
	for _, h := range hosts {
		c, err := d.DialContext(ctx, "tcp", h)
		if err == nil {
			c.Close()
			b.Probe = h + " can be reached"
			return b
		}
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		seen = append(seen, fmt.Sprintf("%s: %v", h, err))
	}
	b.Probe = "no route to the provider: " + strings.Join(seen, ", ")
	if p.Source != "" && !overNetwork(p.Source) {
		b.Probe += "; but the source is on this machine, which a network namespace does not keep out"
		return b
	}
	b.Enforced = true
	return b
}
