package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/exporters"
)

const methodOpened = "no source driver opened"

const capNetAdmin, capSysAdmin = 12, 21 // linux/capability.h

// withoutNetwork runs the same command again in namespaces of its own. Their network has no way out,
// and a source that is a file is hidden in them: what runs there cannot reach the provider, whatever
// it does. done is false where that is not possible; block then says why.
func (a *app) withoutNetwork(ctx context.Context, p *drill.Plan, into string) (done bool, block evidence.Block, err error) {
	block = evidence.Block{Method: methodOpened}
	if p.Target != "" && p.Level >= evidence.L3 && overNetwork(p.Target) {
		block.Probe = "the target is reached over the network, too: a file, or a socket (?host=/var/run/postgresql), would do"
		return false, block, nil
	}
	if p.Embedder.URL != "" && p.Level >= evidence.L3 {
		block.Probe = "the embedder is reached over the network, too: a program would do"
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
	args := append(os.Args[1:len(os.Args):len(os.Args)], insideNamespace+ns)
	if into != "" {
		args = append(args, "--into="+into)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, bare(a.stdout), a.stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	runtime.LockOSThread() // whose end is what Pdeathsig waits for
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig:   syscall.SIGKILL, // who kills this command ends the drill: another one would find it at work, and nobody would hear its verdict
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS,
		AmbientCaps: []uintptr{capSysAdmin, capNetAdmin}, // of its own namespaces: to hide the source, to have a loopback
		UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}},
	}
	status := &childStatus{}
	if a.status != "" {
		if err := status.pass(cmd); err != nil {
			return false, block, err
		}
		defer status.close()
	}
	if err := cmd.Start(); err != nil {
		block.Probe = "no user and network namespace: " + noNamespace(err)
		return false, block, nil
	}
	status.read(a.result)
	err = cmd.Wait()
	var ee *exec.ExitError
	switch {
	case !errors.As(err, &ee):
		return true, block, err
	case ee.ExitCode() < 0:
		return true, block, &exitError{code: exitResume, err: fmt.Errorf("the process of the drill ended: %v", ee), hint: "run the same command again to go on"}
	}
	return true, block, &exitError{code: ee.ExitCode(), err: errors.New("")} // it has said what there is to say
}

// childStatus is what a process that we started leaves as its --status: a pipe to us, who write the file
// alone.
type childStatus struct{ from, to *os.File }

func (s *childStatus) pass(cmd *exec.Cmd) (err error) {
	if s.from, s.to, err = os.Pipe(); err == nil {
		cmd.ExtraFiles = []*os.File{s.to} // the first of these is descriptor 3 there
		cmd.Args = append(cmd.Args, "--status="+statusPipe)
	}
	return err
}

// read puts what the child says into result, until it ends. What the file says of a command is ours to say.
func (s *childStatus) read(result map[string]any) {
	if s.from == nil {
		return
	}
	s.to.Close()
	said := map[string]any{}
	if err := json.NewDecoder(io.LimitReader(s.from, maxStatus)).Decode(&said); err != nil {
		return // it was killed
	}
	for _, ours := range []string{"command", "exit_code", "ended_at"} {
		delete(said, ours)
	}
	maps.Copy(result, said)
}

func (s *childStatus) close() {
	s.from.Close()
	s.to.Close()
}

const statusPipe = "/proc/self/fd/3"

// maxStatus is the size of a status.
const maxStatus = 16 << 20

// overNetwork tells whether a URL of a plan names a host that is not reached by a socket file.
func overNetwork(raw string) bool {
	u, err := url.Parse(strings.NewReplacer("${", "", "}", "").Replace(raw))
	if err != nil {
		return true
	}
	return u.Host != "" && !strings.HasPrefix(u.Query().Get("host"), "/")
}

// blocked looks around in the namespace: another one than outside's, no interface that leads out, and
// no way to the provider's hosts. proof is what the system showed, for whoever doubts it.
func (a *app) blocked(ctx context.Context, p *drill.Plan, outside string) (b evidence.Block, proof []byte) {
	if a.status == statusPipe {
		syscall.CloseOnExec(3) // programs that a drill starts would hold it open
	}
	w := &bytes.Buffer{}
	b = a.lookAround(ctx, p, outside, w)
	if !b.Enforced {
		return b, nil
	}
	return b, w.Bytes()
}

func (a *app) lookAround(ctx context.Context, p *drill.Plan, outside string, proof *bytes.Buffer) evidence.Block {
	b := evidence.Block{Method: "empty network namespace"}
	ns, err := os.Readlink("/proc/self/ns/net")
	if err != nil || ns == outside {
		b.Method, b.Probe = methodOpened, "still in the network namespace of the machine"
		return b
	}
	fmt.Fprintf(proof, "What the system showed to the drill %s, before its first phase.\n\nnetwork namespace of the machine: %s\nnetwork namespace of the drill:   %s\n\ninterfaces of the drill:\n", p.Name, outside, ns)
	if p.Tasks.Cassette != "" { // which is played to programs in this namespace
		if err := loopbackUp(); err != nil {
			b.Probe = fmt.Sprintf("the loopback interface: %v", err)
			return b
		}
	}
	ifs, err := net.Interfaces()
	if err != nil {
		b.Probe = fmt.Sprintf("interfaces: %v", err)
		return b
	}
	for _, i := range ifs {
		fmt.Fprintf(proof, "  %s %s\n", i.Name, i.Flags)
		if i.Flags&net.FlagLoopback == 0 && i.Flags&net.FlagUp != 0 {
			b.Probe = "interface " + i.Name + " is up"
			return b
		}
	}
	for _, name := range []string{"/proc/self/net/route", "/proc/self/net/ipv6_route"} {
		routes, err := os.ReadFile(name)
		if err != nil {
			routes = []byte(err.Error() + "\n")
		}
		fmt.Fprintf(proof, "\n%s:\n%s", name, routes)
	}
	hosts := p.Provider.Hosts
	if u, err := url.Parse(strings.NewReplacer("${", "", "}", "").Replace(p.Source)); err == nil && u.Port() != "" {
		hosts = append(hosts, u.Host)
	}
	if len(hosts) == 0 {
		hosts = []string{"192.0.2.1:443"} // TEST-NET-1, which is nobody's: without a route there is an error at once
	}
	fmt.Fprintln(proof, "\nconnections that were tried:")
	d := net.Dialer{Timeout: 3 * time.Second}
	var seen []string
	for _, h := range hosts {
		c, err := d.DialContext(ctx, "tcp", h)
		if err == nil {
			c.Close()
			b.Probe = h + " can be reached"
			return b
		}
		fmt.Fprintf(proof, "  %s: %v\n", h, err)
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		seen = append(seen, fmt.Sprintf("%s: %v", h, err))
	}
	b.Probe = "no route to the provider: " + strings.Join(seen, ", ")
	if p.Source != "" && !overNetwork(p.Source) {
		seen, err := a.hideSource(p)
		if err != nil {
			b.Probe += "; but the source is on this machine, and could not be hidden: " + err.Error()
			return b
		}
		b.Method = "empty network namespace, and the source hidden in a mount namespace"
		b.Probe += "; " + seen
		fmt.Fprintf(proof, "\nthe source, a file or folder on this machine: %s\n", seen)
	}
	b.Enforced = true
	return b
}

// loopbackUp switches on the namespace's own loopback interface, which leads nowhere else.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	r, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r)
}

// hideSource hides the source of a plan.
func (a *app) hideSource(p *drill.Plan) (string, error) {
	u, err := drill.Expand(p.Source, a.drillOptions().Lookup)
	if err != nil { // what the source would be is not known
		return "", errors.New("its URL does not say where all of it is")
	}
	return hide(exporters.AtHome(u, a.getenv("HOME")))
}

// hide puts nothing in the place of a source that is a file or a folder, for this process and those that
// it starts, and says what is seen there then.
func hide(source string) (string, error) {
	u, err := url.Parse(source)
	if err != nil {
		return "", errors.New("its URL has no path")
	}
	path, err := exporters.Path(u, "a file or folder") // as the driver reads it
	if err != nil {
		return "", errors.New("its URL does not say where all of it is")
	}
	fi, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "the source is not there", nil
	}
	if err != nil {
		return "", err
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return "", fmt.Errorf("mount namespace: %w", err)
	}
	if fi.IsDir() {
		err = syscall.Mount("none", path, "tmpfs", syscall.MS_RDONLY, "")
	} else {
		err = syscall.Mount("/dev/null", path, "", syscall.MS_BIND, "")
	}
	if err != nil {
		return "", fmt.Errorf("mount over it: %w", err)
	}
	now, err := os.Stat(path)
	if err != nil || os.SameFile(fi, now) {
		return "", errors.New("it is still there")
	}
	return "the source is hidden: nothing is at its place", nil
}

// noNamespace is err in words: the system's own speak of disks and users.
func noNamespace(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "the system allows no more of them (user.max_user_namespaces)"
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return "the system does not let users make them"
	}
	return err.Error()
}
