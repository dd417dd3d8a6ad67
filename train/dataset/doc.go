// Package dataset reads labelled image folders and turns them into the batches that networks are
// trained and validated on.
//
// An image folder has one folder for each split and in it one for each class, as torchvision's
// ImageFolder expects:
//
//	train/<class>/….JPEG
//	val/<class>/….JPEG
//
// It may lie in a .zip file. [Open] lists it, [Source.Split] numbers its images and classes, and a
// [Loader] yields batches: decoded as Pillow decodes, cut and resized as torchvision does
// ([Transform]), in an order that follows from the seed alone, several batches ahead of the
// network.
package dataset
