// Package parameters moves the parameters of networks between a GoMLX store and files that PyTorch
// can read and write: .npz and .safetensors, one array for each entry of the authors' state_dict,
// under its name and in PyTorch's order of elements. The names, for each naming the authors used,
// come from [network.Description.Parameters].
//
// A checkpoint of the authors, converted once in Python,
//
//	state = torch.load("checkpoint.pth", map_location="cpu")["state_dict"]
//	numpy.savez("checkpoint.npz", **{k: v.numpy() for k, v in state.items()})
//
// loads with [Load]; what [Save] writes goes back with load_state_dict.
package parameters
