//go:build xla

package main

import _ "github.com/gomlx/go-xla/compute/xla" // registers the backend "xla", which loads PJRT plug-ins at run time
