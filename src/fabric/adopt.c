// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The checks of a domain that the caller has opened. libfabric does not tell which provider a domain
 * is of, nor what it requires. So the caller gives the fi_info that it opened the domain with.
 */
#include <errno.h>
#include <string.h>

#include "base/size.h"
#include "fabric/adopt.h"
#include "fabric/provider.h"

/* FI_MR_BASIC and FI_MR_SCALABLE of programs that use an interface before 1.5. */
#define MODE_BASIC 1
#define MODE_SCALABLE 2
#define MODES_MET                                                                            \
	(FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY | FI_MR_ENDPOINT | \
	 FI_MR_HMEM | FI_MR_COLLECTIVE)

bool fabric_is_adoption(const struct coherent_open_options *options)
{
	return options->domain || options->endpoint || options->domain_info;
}

/* --- What the caller gives --- */

static const char *why_wrong(const struct name *name, const struct coherent_open_options *options)
{
	const struct fi_info *info = options->domain_info;
	const struct fid_ep *endpoint = options->endpoint;

	if (!options->domain)
		return ".endpoint and .domain_info need a .domain";
	if (!info)
		return ".domain needs a .domain_info, the struct fi_info of its fi_domain(); libfabric "
		       "does not tell what a domain requires";
	if (name->count)
		return "node=, service= and manual are for an endpoint of the library, and .domain "
		       "has none; leave them out";
	if (options->domain->fid.fclass != FI_CLASS_DOMAIN)
		return ".domain is not an open domain of libfabric";
	if (endpoint && endpoint->fid.fclass != FI_CLASS_EP && endpoint->fid.fclass != FI_CLASS_SEP)
		return ".endpoint is not an open endpoint of libfabric";
	if (!info->domain_attr || !info->fabric_attr || !info->fabric_attr->prov_name)
		return ".domain_info names no domain and no provider; give what fi_getinfo() "
		       "returned";
	return NULL;
}

static int check_given(const struct name *name, const struct coherent_open_options *options,
		       const struct reporter *to)
{
	const char *why = why_wrong(name, options);

	if (why)
		report(to, COHERENT_ERROR, "%s: %s", name->whole, why);
	return why ? -EINVAL : 0;
}

/*
 * A provider with layers has a name such as "tcp;ofi_rxm". The device name has all of it or the first
 * part, because that part decides about the level.
 */
static bool is_provider(const char *provider, const char *target)
{
	const size_t length = strlen(target);

	return !strcmp(provider, target) ||
	       (length && length == strcspn(provider, ";") && !strncmp(provider, target, length));
}

static int check_provider(const struct name *name, const char *provider, const struct reporter *to)
{
	if (is_provider(provider, name->target))
		return 0;
	report(to, COHERENT_ERROR,
	       "%s: .domain_info is of the provider \"%s\", and the device name says \"%s\"; open "
	       "fabric:%.*s",
	       name->whole, provider, name->target, (int)strcspn(provider, ";"), provider);
	return -EINVAL;
}

/* --- What the domain requires --- */

static int effective_mode(int mode)
{
	if (mode & MODE_BASIC)
		mode |= FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY;
	return mode & ~(MODE_BASIC | MODE_SCALABLE);
}

/* FI_RMA without any of the four means all of them. */
static bool peers_have_access(uint64_t caps)
{
	const uint64_t remote = FI_REMOTE_READ | FI_REMOTE_WRITE;

	return caps & FI_RMA && (caps & remote || !(caps & (FI_READ | FI_WRITE)));
}

static const char *first_unmet(int mode)
{
	static const struct {
		int bit;
		const char *text;
	} modes[] = {
		{ FI_MR_RAW, "FI_MR_RAW, keys of more than 64 bits" },
		{ FI_MR_MMU_NOTIFY, "FI_MR_MMU_NOTIFY, a call for each page that moves" },
		{ FI_MR_RMA_EVENT, "FI_MR_RMA_EVENT, counters of the peers' accesses" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (mode & modes[i].bit)
			return modes[i].text;
	return mode & ~MODES_MET ? "a mode of registrations that is newer than the library" : NULL;
}

static const char *why_unmet(const struct fi_info *info, int mode, bool has_endpoint)
{
	if (first_unmet(mode))
		return first_unmet(mode);
	if (mode & FI_MR_ENDPOINT && !has_endpoint)
		return "FI_MR_ENDPOINT, so give the .endpoint that peers use";
	if (!(mode & FI_MR_PROV_KEY) && info->domain_attr->mr_key_size < sizeof(uint64_t))
		return "keys of less than 64 bits, which a peer could guess";
	if (peers_have_access(info->caps))
		return NULL;
	return "no FI_RMA for peers; ask fi_getinfo() for FI_RMA, FI_REMOTE_READ and "
	       "FI_REMOTE_WRITE";
}

static int check_requirements(const struct name *name, const struct fi_info *info, int mode,
			      bool has_endpoint, const struct reporter *to)
{
	const char *why = why_unmet(info, mode, has_endpoint);

	if (why)
		report(to, COHERENT_ERROR,
		       "%s: the library cannot register memory in .domain, which has %s",
		       name->whole, why);
	return why ? -EOPNOTSUPP : 0;
}

int fabric_adopt(struct fabric *fabric, const struct name *name,
		 const struct coherent_open_options *options)
{
	const struct reporter *to = &fabric->backend.dev->reporter;
	const struct fi_info *info = options->domain_info;
	int err = check_given(name, options, to);

	if (!err)
		err = check_provider(name, info->fabric_attr->prov_name, to);
	if (!err)
		err = fabric_accept_provider(fabric, name, info->fabric_attr->prov_name,
					     options->level);
	if (err)
		return err;
	fabric->mr_mode = effective_mode(info->domain_attr->mr_mode);
	err = check_requirements(name, info, fabric->mr_mode, options->endpoint, to);
	if (err)
		return err;
	fabric->is_adopted = true;
	fabric->domain = options->domain;
	fabric->endpoint = options->endpoint;
	return 0;
}
