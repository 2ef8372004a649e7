// Command localcluster is a whole Kubernetes control plane in one binary: the first argument picks the part to run,
// and the rest are that part's own flags. Linked together they share most of their code, which is what makes one
// build of them small and quick.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	// Time zones of CronJobs, on machines that have no zone files.
	_ "time/tzdata"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	// kubectl's ways to authenticate (exec, OIDC).
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"

	"trueup.dev/localcluster/lifeline"
)

// parts maps each subcommand to a function that runs it to its end and returns the exit code.
var parts = map[string]func(args []string) int{
	"apiserver":          kubernetes(apiserver.NewAPIServerCommand),
	"controller-manager": kubernetes(controllermanager.NewControllerManagerCommand),
	"scheduler":          kubernetes(func() *cobra.Command { return scheduler.NewSchedulerCommand() }),
	"etcd":               runEtcd,
	"kubectl":            runKubectl,
}

func kubernetes(command func() *cobra.Command) func([]string) int {
	return func(args []string) int {
		lifeline.Watch()
		cmd := command()
		cmd.SetArgs(args)
		return cli.Run(cmd)
	}
}

func runEtcd(args []string) int {
	lifeline.Watch()
	etcdmain.Main(append([]string{"etcd"}, args...))
	return 0
}

func runKubectl(args []string) int {
	// kubectl looks for plug-ins and prints usage by os.Args, so it must not see the subcommand that chose it.
	os.Args = append([]string{"kubectl"}, args...)
	_, _ = logs.GlogSetter(kubectl.GetLogVerbosity(os.Args))
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
	}
	return 0
}

func main() {
	name, args := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe"), os.Args[1:]
	part, known := parts[name]
	if !known && len(args) > 0 {
		name, args = args[0], args[1:]
		part, known = parts[name]
	}
	if !known {
		names := make([]string, 0, len(parts))
		for part := range parts {
			names = append(names, part)
		}
		sort.Strings(names)
		fmt.Fprintf(os.Stderr, "usage: localcluster (%s) [flags]\n", strings.Join(names, " | "))
		os.Exit(2)
	}
	os.Exit(part(args))
}
