package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// xla looks for PJRT plug-ins where the XLA backend of training looks for them.
func xla() finding {
	var folders []string
	if dirs := os.Getenv("PJRT_PLUGIN_LIBRARY_PATH"); dirs != "" {
		folders = filepath.SplitList(dirs)
	} else {
		if home, err := os.UserHomeDir(); err == nil {
			folders = append(folders, filepath.Join(home, ".local/lib/go-xla"), filepath.Join(home, ".local/lib/go-xla/nvidia"))
		}
		folders = append(folders, "/usr/local/lib/go-xla", "/usr/local/lib/go-xla/nvidia")
	}
	var found []string
	for _, dir := range folders {
		for _, pattern := range []string{"pjrt_c_api_*_plugin.so", "pjrt[-_]plugin[-_]*.so"} {
			names, _ := filepath.Glob(filepath.Join(dir, pattern))
			found = append(found, names...)
		}
	}
	if len(found) == 0 {
		return finding{"XLA plug-ins", true, "none (only training on a GPU uses them)", ""}
	}
	return finding{"XLA plug-ins", true, fmt.Sprintf("%d: %s", len(found), strings.Join(found, ", ")), ""}
}
